/**
 * What the official server (2.15.2) makes of transforms, observed by calling it. Texts are UTF-8; tests turn them into the
 * bytes that the server works on.
 */

export interface TransformCase {
  source: string;
  destination: string;
  strict?: true;
  /** Subjects and what becomes of them; null where the transform does not apply. */
  results?: [subject: string, transformed: string | null][];
  /** Why there is no such transform. */
  error?: string;
  /** Why it is not allowed in a mapping, where that is another reason. */
  mappingError?: string;
}

export const transformCases: TransformCase[] = [
  {
    source: 'foo',
    destination: 'bar',
    results: [
      ['foo', 'bar'],
      ['foo.bar', null],
      ['', null],
      ['fo', null],
    ],
  },
  { source: 'foo.*', destination: 'bar', results: [['foo.a', 'bar']] },
  {
    source: 'foo.*',
    destination: 'bar.$1',
    results: [
      ['foo.a', 'bar.a'],
      ['foo.a.b', null],
      ['foo.*', null],
      ['foo.>', null],
      ['foo.', null],
      ['.foo', null],
    ],
  },
  {
    source: 'foo.*.*',
    destination: 'bar.$2.$1',
    results: [
      ['foo.a.b', 'bar.b.a'],
      ['foo.a', null],
    ],
  },
  { source: 'foo.*.*', destination: 'bar.$2', results: [['foo.a.b', 'bar.b']] },
  {
    source: 'foo.*.*',
    destination: 'bar.{{wildcard(2)}}.{{ Wildcard ( 1 ) }}',
    results: [['foo.a.b', 'bar.b.a']],
  },
  {
    source: 'foo.>',
    destination: 'bar.>',
    results: [
      ['foo.a', 'bar.a'],
      ['foo.a.b.c', 'bar.a.b.c'],
      ['foo', null],
    ],
  },
  {
    source: '>',
    destination: 'bar.>',
    results: [
      ['a', 'bar.a'],
      ['a.b.c', 'bar.a.b.c'],
    ],
  },
  {
    source: '',
    destination: 'bar.>',
    results: [
      ['a', 'bar.a'],
      ['a.b.c', 'bar.a.b.c'],
    ],
  },
  {
    source: '>',
    destination: '>',
    results: [
      ['a', 'a'],
      ['a.*', 'a.*'],
      ['', ''],
    ],
  },
  {
    source: 'foo.>',
    destination: '>',
    results: [
      ['foo.a', 'a'],
      ['foo.a.b', 'a.b'],
    ],
  },
  {
    source: 'foo.*.>',
    destination: 'bar.$1.x.>',
    results: [
      ['foo.a.b.c', 'bar.a.x.b.c'],
      ['foo.a', null],
    ],
  },
  {
    source: '*.>',
    destination: '$1.{{partition(5,1)}}.>',
    results: [
      ['a.b', 'a.0.b'],
      ['b.b', 'b.2.b'],
      ['zz.q.r', 'zz.3.q.r'],
    ],
  },
  { source: 'foo.*', destination: 'bar.$1.$1', results: [['foo.a', 'bar.a.a']] },
  { source: 'foo.*', destination: 'bar.$1x', results: [['foo.a', 'bar.$1x']] },
  { source: 'foo.*', destination: '$JS.$x.$1', results: [['foo.a', '$JS.$x.a']] },
  { source: 'foo.*', destination: 'bar.$0', results: [['foo.a', 'bar.foo']] },
  { source: 'foo.*', destination: 'bar.$-1', results: [['foo.a', 'bar.foo']] },
  { source: 'foo.*', destination: 'bar.$+1', results: [['foo.a', 'bar.a']] },
  { source: 'foo.*', destination: 'bar.$01', results: [['foo.a', 'bar.a']] },
  {
    source: 'foo.*',
    destination: 'bar.$2',
    error: 'invalid mapping destination: wildcard index out of range in $2: [2]',
  },
  {
    source: 'foo.*',
    destination: 'bar.$99999999999999999999',
    results: [['foo.a', 'bar.$99999999999999999999']],
  },
  { source: 'foo.*', destination: '$', results: [['foo.a', '$']] },
  {
    source: 'foo',
    destination: 'bar.$1',
    error: 'invalid mapping destination: wildcard index out of range in $1',
  },
  { source: 'foo', destination: 'bar.$x', results: [['foo', 'bar.$x']] },
  { source: 'foo.*', destination: 'bar.*', error: 'invalid subject' },
  { source: 'foo.*', destination: 'bar.>', error: 'invalid subject' },
  { source: 'foo.>', destination: 'bar.foo', error: 'invalid subject' },
  { source: 'foo..bar', destination: 'bar', error: 'invalid subject' },
  {
    source: 'foo',
    destination: 'bar.',
    error: 'invalid subject',
    mappingError: 'invalid mapping destination: invalid transform',
  },
  { source: 'foo.>.bar', destination: 'x.>', error: 'invalid subject' },
  {
    source: 'foo.>',
    destination: 'x.>.y',
    error: 'invalid subject',
    mappingError: 'invalid mapping destination: invalid transform in y',
  },
  {
    source: 'foo.>',
    destination: 'x.>.>',
    error: 'invalid subject',
    mappingError: 'invalid mapping destination: invalid transform in >',
  },
  {
    source: 'foo.*',
    destination: 'bar.{{wildcard()}}',
    error: 'invalid mapping destination: not enough arguments passed to the function in {{wildcard()}}',
  },
  {
    source: 'foo.*',
    destination: 'bar.{{wildcard(1,2)}}',
    error: 'invalid mapping destination: too many arguments passed to the function in {{wildcard(1,2)}}',
  },
  {
    source: 'foo.*',
    destination: 'bar.{{wildcard(x)}}',
    error:
      'invalid mapping destination: function argument is invalid or in the wrong format in {{wildcard(x)}}',
  },
  {
    source: 'foo.*',
    destination: 'bar.{{wildcard(2)}}',
    error: 'invalid mapping destination: wildcard index out of range in {{wildcard(2)}}: [2]',
  },
  {
    source: 'foo.*',
    destination: 'bar.{{wildcard( )}}',
    error:
      'invalid mapping destination: function argument is invalid or in the wrong format in {{wildcard( )}}',
  },
  {
    source: 'foo.*',
    destination: 'bar.{{wildcard}}',
    error: 'invalid mapping destination: unknown function in {{wildcard}}',
  },
  {
    source: 'foo.*',
    destination: 'bar.{{unknown(1)}}',
    error: 'invalid mapping destination: unknown function in {{unknown(1)}}',
  },
  { source: 'foo.*', destination: 'bar.{{}}', results: [['foo.a', 'bar.{{}}']] },
  {
    source: 'foo.*',
    destination: 'bar.{{x}}',
    error: 'invalid mapping destination: unknown function in {{x}}',
  },
  { source: 'foo.*', destination: 'bar.{{wildcard(1)}', results: [['foo.a', 'bar.{{wildcard(1)}']] },
  { source: 'foo.*', destination: 'bar.x{{wildcard(1)}}', results: [['foo.a', 'bar.x{{wildcard(1)}}']] },
  {
    source: 'foo.*',
    destination: 'bar.{{wildCard(1)}}',
    error: 'invalid mapping destination: unknown function in {{wildCard(1)}}',
  },
  {
    source: 'foo.*',
    destination: 'bar.{{WILDCARD(1)}}',
    error: 'invalid mapping destination: unknown function in {{WILDCARD(1)}}',
  },
  {
    source: 'foo.*',
    destination: 'bar.{{xx wildcard(1)}}',
    error: 'invalid mapping destination: unknown function in {{xx wildcard(1)}}',
  },
  { source: 'foo.*', destination: 'bar.{{x}}{{wildcard(1)}}', results: [['foo.a', 'bar.a']] },
  {
    source: 'foo',
    destination: 'bar.{{wildcard(1)}}',
    error: 'invalid mapping destination: wildcard index out of range in {{wildcard(1)}}',
  },
  {
    source: 'foo',
    destination: 'bar.{{nothing(1)}}',
    error: 'invalid mapping destination: unknown function in {{nothing(1)}}',
  },
  {
    source: 'foo.*.*',
    destination: 'p.{{partition(1,1,2)}}.$1.$2',
    results: [
      ['foo.a.b', 'p.0.a.b'],
      ['foo.b.a', 'p.0.b.a'],
      ['foo.ab.', null],
      ['foo.bar.baz', 'p.0.bar.baz'],
      ['foo.0.1', 'p.0.0.1'],
      ['foo.ä.€', 'p.0.ä.€'],
    ],
  },
  {
    source: 'foo.*.*',
    destination: 'p.{{partition(2,1,2)}}.$1.$2',
    results: [
      ['foo.a.b', 'p.0.a.b'],
      ['foo.b.a', 'p.0.b.a'],
      ['foo.ab.', null],
      ['foo.bar.baz', 'p.1.bar.baz'],
      ['foo.0.1', 'p.0.0.1'],
      ['foo.ä.€', 'p.0.ä.€'],
    ],
  },
  {
    source: 'foo.*.*',
    destination: 'p.{{partition(3,1,2)}}.$1.$2',
    results: [
      ['foo.a.b', 'p.0.a.b'],
      ['foo.b.a', 'p.2.b.a'],
      ['foo.ab.', null],
      ['foo.bar.baz', 'p.1.bar.baz'],
      ['foo.0.1', 'p.0.0.1'],
      ['foo.ä.€', 'p.0.ä.€'],
    ],
  },
  {
    source: 'foo.*.*',
    destination: 'p.{{partition(10,1,2)}}.$1.$2',
    results: [
      ['foo.a.b', 'p.6.a.b'],
      ['foo.b.a', 'p.8.b.a'],
      ['foo.ab.', null],
      ['foo.bar.baz', 'p.9.bar.baz'],
      ['foo.0.1', 'p.2.0.1'],
      ['foo.ä.€', 'p.8.ä.€'],
    ],
  },
  {
    source: 'foo.*.*',
    destination: 'p.{{partition(100,1,2)}}.$1.$2',
    results: [
      ['foo.a.b', 'p.46.a.b'],
      ['foo.b.a', 'p.8.b.a'],
      ['foo.ab.', null],
      ['foo.bar.baz', 'p.99.bar.baz'],
      ['foo.0.1', 'p.2.0.1'],
      ['foo.ä.€', 'p.18.ä.€'],
    ],
  },
  {
    source: 'foo.*.*',
    destination: 'p.{{partition(2147483647,1,2)}}.$1.$2',
    results: [
      ['foo.a.b', 'p.1294271946.a.b'],
      ['foo.b.a', 'p.1009493708.b.a'],
      ['foo.ab.', null],
      ['foo.bar.baz', 'p.1767995652.bar.baz'],
      ['foo.0.1', 'p.552431802.0.1'],
      ['foo.ä.€', 'p.1445057471.ä.€'],
    ],
  },
  {
    source: 'foo.*.*',
    destination: 'p.{{partition(10)}}',
    results: [
      ['foo.a.b', 'p.4'],
      ['foo.b.a', 'p.6'],
    ],
  },
  { source: 'foo', destination: 'p.{{partition(10)}}', results: [['foo', 'p.3']] },
  { source: 'foo', destination: 'p.{{partition(10,1)}}', results: [['foo', 'p.3']] },
  { source: 'foo.*', destination: 'p.{{partition(0,1)}}', results: [['foo.a', 'p.0']] },
  {
    source: 'foo.*',
    destination: 'p.{{partition(-5,1)}}',
    results: [
      ['foo.a', 'p.3826002220'],
      ['foo.b', 'p.3876335077'],
    ],
  },
  {
    source: 'foo.*',
    destination: 'p.{{partition(-4294967291,1)}}',
    results: [
      ['foo.a', 'p.0'],
      ['foo.b', 'p.2'],
    ],
  },
  {
    source: 'foo.*',
    destination: 'p.{{partition(2147483648,1)}}',
    error:
      'invalid mapping destination: function argument is invalid or in the wrong format in {{partition(2147483648,1)}}',
  },
  {
    source: 'foo.*',
    destination: 'p.{{partition(10,2)}}',
    error: 'invalid mapping destination: wildcard index out of range in {{partition(10,2)}}: [2]',
  },
  {
    source: 'foo.*',
    destination: 'p.{{partition()}}',
    error:
      'invalid mapping destination: function argument is invalid or in the wrong format in {{partition()}}',
  },
  {
    source: 'foo.*',
    destination: 'p.{{partition(x)}}',
    error:
      'invalid mapping destination: function argument is invalid or in the wrong format in {{partition(x)}}',
  },
  {
    source: 'foo.*',
    destination: 'p.{{partition(3,x)}}',
    error:
      'invalid mapping destination: function argument is invalid or in the wrong format in {{partition(3,x)}}',
  },
  {
    source: 'foo.*',
    destination: 'p.{{partition(3,)}}',
    error:
      'invalid mapping destination: function argument is invalid or in the wrong format in {{partition(3,)}}',
  },
  { source: 'foo.*.*', destination: 'p.{{ Partition ( 10 , 2 , 1 ) }}', results: [['foo.a.b', 'p.8']] },
  {
    source: 'foo.*',
    destination: 'p.{{partition(10,0)}}',
    results: [
      ['foo.a', 'p.3'],
      ['foo.b', 'p.3'],
    ],
  },
  {
    source: 'foo.>',
    destination: 'p.{{partition(10)}}.>',
    results: [
      ['foo.a', 'p.2.a'],
      ['foo.b.c', 'p.8.b.c'],
    ],
  },
  {
    source: 'foo.*',
    destination: 'x.{{splitfromleft(1,3)}}.y',
    results: [
      ['foo.12345', 'x.123.45.y'],
      ['foo.123', 'x.123.y'],
      ['foo.12', 'x.12.y'],
      ['foo.1234', 'x.123.4.y'],
      ['foo.123456', 'x.123.456.y'],
      ['foo.1234567', 'x.123.4567.y'],
    ],
  },
  { source: 'foo.*', destination: 'x.{{splitfromleft(1,0)}}', results: [['foo.12345', 'x.12345']] },
  { source: 'foo.*', destination: 'x.{{splitfromleft(1,-2)}}', results: [['foo.12345', 'x.12345']] },
  {
    source: 'foo.*',
    destination: 'x.{{splitfromleft(1)}}',
    error: 'invalid mapping destination: not enough arguments passed to the function in {{splitfromleft(1)}}',
  },
  {
    source: 'foo.*',
    destination: 'x.{{splitfromleft(1,2,3)}}',
    error:
      'invalid mapping destination: too many arguments passed to the function in {{splitfromleft(1,2,3)}}',
  },
  {
    source: 'foo.*',
    destination: 'x.{{splitfromleft(x,2)}}',
    error:
      'invalid mapping destination: function argument is invalid or in the wrong format in {{splitfromleft(x,2)}}',
  },
  {
    source: 'foo.*',
    destination: 'x.{{splitfromleft(1,x)}}',
    error:
      'invalid mapping destination: function argument is invalid or in the wrong format in {{splitfromleft(1,x)}}',
  },
  {
    source: 'foo.*',
    destination: 'x.{{splitfromleft(2,2)}}',
    error: 'invalid mapping destination: wildcard index out of range in {{splitfromleft(2,2)}}: [2]',
  },
  {
    source: 'foo.*',
    destination: 'x.{{splitfromleft(1,2147483648)}}',
    error:
      'invalid mapping destination: function argument is invalid or in the wrong format in {{splitfromleft(1,2147483648)}}',
  },
  {
    source: 'foo',
    destination: 'x.{{splitfromleft(1,2)}}',
    error: 'invalid mapping destination: wildcard index out of range in {{splitfromleft(1,2)}}',
  },
  {
    source: 'foo.*',
    destination: 'x.{{SplitFromRight(1,3)}}.y',
    results: [
      ['foo.12345', 'x.12.345.y'],
      ['foo.123', 'x.123.y'],
      ['foo.12', 'x.12.y'],
      ['foo.1234', 'x.1.234.y'],
      ['foo.123456', 'x.123.456.y'],
      ['foo.1234567', 'x.1234.567.y'],
    ],
  },
  { source: 'foo.*', destination: 'x.{{SplitFromRight(1,0)}}', results: [['foo.12345', 'x.12345']] },
  { source: 'foo.*', destination: 'x.{{SplitFromRight(1,-2)}}', results: [['foo.12345', 'x.12345']] },
  {
    source: 'foo.*',
    destination: 'x.{{SplitFromRight(1)}}',
    error:
      'invalid mapping destination: not enough arguments passed to the function in {{SplitFromRight(1)}}',
  },
  {
    source: 'foo.*',
    destination: 'x.{{SplitFromRight(1,2,3)}}',
    error:
      'invalid mapping destination: too many arguments passed to the function in {{SplitFromRight(1,2,3)}}',
  },
  {
    source: 'foo.*',
    destination: 'x.{{SplitFromRight(x,2)}}',
    error:
      'invalid mapping destination: function argument is invalid or in the wrong format in {{SplitFromRight(x,2)}}',
  },
  {
    source: 'foo.*',
    destination: 'x.{{SplitFromRight(1,x)}}',
    error:
      'invalid mapping destination: function argument is invalid or in the wrong format in {{SplitFromRight(1,x)}}',
  },
  {
    source: 'foo.*',
    destination: 'x.{{SplitFromRight(2,2)}}',
    error: 'invalid mapping destination: wildcard index out of range in {{SplitFromRight(2,2)}}: [2]',
  },
  {
    source: 'foo.*',
    destination: 'x.{{SplitFromRight(1,2147483648)}}',
    error:
      'invalid mapping destination: function argument is invalid or in the wrong format in {{SplitFromRight(1,2147483648)}}',
  },
  {
    source: 'foo',
    destination: 'x.{{SplitFromRight(1,2)}}',
    error: 'invalid mapping destination: wildcard index out of range in {{SplitFromRight(1,2)}}',
  },
  {
    source: 'foo.*',
    destination: 'x.{{slicefromleft(1,3)}}.y',
    results: [
      ['foo.12345', 'x.123.45.y'],
      ['foo.123', 'x.123.y'],
      ['foo.12', 'x.12.y'],
      ['foo.1234', 'x.123.4.y'],
      ['foo.123456', 'x.123.456.y'],
      ['foo.1234567', 'x.123.456.7.y'],
    ],
  },
  { source: 'foo.*', destination: 'x.{{slicefromleft(1,0)}}', results: [['foo.12345', 'x.12345']] },
  { source: 'foo.*', destination: 'x.{{slicefromleft(1,-2)}}', results: [['foo.12345', 'x.12345']] },
  {
    source: 'foo.*',
    destination: 'x.{{slicefromleft(1)}}',
    error: 'invalid mapping destination: not enough arguments passed to the function in {{slicefromleft(1)}}',
  },
  {
    source: 'foo.*',
    destination: 'x.{{slicefromleft(1,2,3)}}',
    error:
      'invalid mapping destination: too many arguments passed to the function in {{slicefromleft(1,2,3)}}',
  },
  {
    source: 'foo.*',
    destination: 'x.{{slicefromleft(x,2)}}',
    error:
      'invalid mapping destination: function argument is invalid or in the wrong format in {{slicefromleft(x,2)}}',
  },
  {
    source: 'foo.*',
    destination: 'x.{{slicefromleft(1,x)}}',
    error:
      'invalid mapping destination: function argument is invalid or in the wrong format in {{slicefromleft(1,x)}}',
  },
  {
    source: 'foo.*',
    destination: 'x.{{slicefromleft(2,2)}}',
    error: 'invalid mapping destination: wildcard index out of range in {{slicefromleft(2,2)}}: [2]',
  },
  {
    source: 'foo.*',
    destination: 'x.{{slicefromleft(1,2147483648)}}',
    error:
      'invalid mapping destination: function argument is invalid or in the wrong format in {{slicefromleft(1,2147483648)}}',
  },
  {
    source: 'foo',
    destination: 'x.{{slicefromleft(1,2)}}',
    error: 'invalid mapping destination: wildcard index out of range in {{slicefromleft(1,2)}}',
  },
  {
    source: 'foo.*',
    destination: 'x.{{SliceFromRight(1,3)}}.y',
    results: [
      ['foo.12345', 'x.12.345.y'],
      ['foo.123', 'x.123.y'],
      ['foo.12', 'x.12.y'],
      ['foo.1234', 'x.1.234.y'],
      ['foo.123456', 'x.123.456.y'],
      ['foo.1234567', 'x.1.234.567.y'],
    ],
  },
  { source: 'foo.*', destination: 'x.{{SliceFromRight(1,0)}}', results: [['foo.12345', 'x.12345']] },
  { source: 'foo.*', destination: 'x.{{SliceFromRight(1,-2)}}', results: [['foo.12345', 'x.12345']] },
  {
    source: 'foo.*',
    destination: 'x.{{SliceFromRight(1)}}',
    error:
      'invalid mapping destination: not enough arguments passed to the function in {{SliceFromRight(1)}}',
  },
  {
    source: 'foo.*',
    destination: 'x.{{SliceFromRight(1,2,3)}}',
    error:
      'invalid mapping destination: too many arguments passed to the function in {{SliceFromRight(1,2,3)}}',
  },
  {
    source: 'foo.*',
    destination: 'x.{{SliceFromRight(x,2)}}',
    error:
      'invalid mapping destination: function argument is invalid or in the wrong format in {{SliceFromRight(x,2)}}',
  },
  {
    source: 'foo.*',
    destination: 'x.{{SliceFromRight(1,x)}}',
    error:
      'invalid mapping destination: function argument is invalid or in the wrong format in {{SliceFromRight(1,x)}}',
  },
  {
    source: 'foo.*',
    destination: 'x.{{SliceFromRight(2,2)}}',
    error: 'invalid mapping destination: wildcard index out of range in {{SliceFromRight(2,2)}}: [2]',
  },
  {
    source: 'foo.*',
    destination: 'x.{{SliceFromRight(1,2147483648)}}',
    error:
      'invalid mapping destination: function argument is invalid or in the wrong format in {{SliceFromRight(1,2147483648)}}',
  },
  {
    source: 'foo',
    destination: 'x.{{SliceFromRight(1,2)}}',
    error: 'invalid mapping destination: wildcard index out of range in {{SliceFromRight(1,2)}}',
  },
  {
    source: 'foo.*',
    destination: 'x.{{left(1,3)}}.y',
    results: [
      ['foo.12345', 'x.123.y'],
      ['foo.123', 'x.123.y'],
      ['foo.12', 'x.12.y'],
      ['foo.1234', 'x.123.y'],
      ['foo.123456', 'x.123.y'],
      ['foo.1234567', 'x.123.y'],
    ],
  },
  { source: 'foo.*', destination: 'x.{{left(1,0)}}', results: [['foo.12345', 'x.12345']] },
  { source: 'foo.*', destination: 'x.{{left(1,-2)}}', results: [['foo.12345', 'x.12345']] },
  {
    source: 'foo.*',
    destination: 'x.{{left(1)}}',
    error: 'invalid mapping destination: not enough arguments passed to the function in {{left(1)}}',
  },
  {
    source: 'foo.*',
    destination: 'x.{{left(1,2,3)}}',
    error: 'invalid mapping destination: too many arguments passed to the function in {{left(1,2,3)}}',
  },
  {
    source: 'foo.*',
    destination: 'x.{{left(x,2)}}',
    error:
      'invalid mapping destination: function argument is invalid or in the wrong format in {{left(x,2)}}',
  },
  {
    source: 'foo.*',
    destination: 'x.{{left(1,x)}}',
    error:
      'invalid mapping destination: function argument is invalid or in the wrong format in {{left(1,x)}}',
  },
  {
    source: 'foo.*',
    destination: 'x.{{left(2,2)}}',
    error: 'invalid mapping destination: wildcard index out of range in {{left(2,2)}}: [2]',
  },
  {
    source: 'foo.*',
    destination: 'x.{{left(1,2147483648)}}',
    error:
      'invalid mapping destination: function argument is invalid or in the wrong format in {{left(1,2147483648)}}',
  },
  {
    source: 'foo',
    destination: 'x.{{left(1,2)}}',
    error: 'invalid mapping destination: wildcard index out of range in {{left(1,2)}}',
  },
  {
    source: 'foo.*',
    destination: 'x.{{Right(1,3)}}.y',
    results: [
      ['foo.12345', 'x.345.y'],
      ['foo.123', 'x.123.y'],
      ['foo.12', 'x.12.y'],
      ['foo.1234', 'x.234.y'],
      ['foo.123456', 'x.456.y'],
      ['foo.1234567', 'x.567.y'],
    ],
  },
  { source: 'foo.*', destination: 'x.{{Right(1,0)}}', results: [['foo.12345', 'x.12345']] },
  { source: 'foo.*', destination: 'x.{{Right(1,-2)}}', results: [['foo.12345', 'x.12345']] },
  {
    source: 'foo.*',
    destination: 'x.{{Right(1)}}',
    error: 'invalid mapping destination: not enough arguments passed to the function in {{Right(1)}}',
  },
  {
    source: 'foo.*',
    destination: 'x.{{Right(1,2,3)}}',
    error: 'invalid mapping destination: too many arguments passed to the function in {{Right(1,2,3)}}',
  },
  {
    source: 'foo.*',
    destination: 'x.{{Right(x,2)}}',
    error:
      'invalid mapping destination: function argument is invalid or in the wrong format in {{Right(x,2)}}',
  },
  {
    source: 'foo.*',
    destination: 'x.{{Right(1,x)}}',
    error:
      'invalid mapping destination: function argument is invalid or in the wrong format in {{Right(1,x)}}',
  },
  {
    source: 'foo.*',
    destination: 'x.{{Right(2,2)}}',
    error: 'invalid mapping destination: wildcard index out of range in {{Right(2,2)}}: [2]',
  },
  {
    source: 'foo.*',
    destination: 'x.{{Right(1,2147483648)}}',
    error:
      'invalid mapping destination: function argument is invalid or in the wrong format in {{Right(1,2147483648)}}',
  },
  {
    source: 'foo',
    destination: 'x.{{Right(1,2)}}',
    error: 'invalid mapping destination: wildcard index out of range in {{Right(1,2)}}',
  },
  { source: 'foo.*', destination: 'x.{{left(1,1)}}', results: [['foo.äb', 'x.�']] },
  {
    source: 'foo.*',
    destination: 'x.{{split(1,-)}}',
    results: [
      ['foo.a-b', 'x.a.b'],
      ['foo.-a-b-', 'x.a.b'],
      ['foo.a--b', 'x.a.b'],
      ['foo.--a', 'x..a'],
      ['foo.---a--b--', 'x..a.b'],
      ['foo.-', 'x.'],
      ['foo.ab', 'x.ab'],
      ['foo.--', 'x.'],
    ],
  },
  { source: 'foo.*.*', destination: 'x.{{split(2,--)}}.$1', results: [['foo.z.a-b--c', 'x.a-b.c.z']] },
  {
    source: 'foo.*',
    destination: 'x.{{split(1,)}}',
    results: [
      ['foo.abc', 'x.a.b.c'],
      ['foo.aä€😀b', 'x.a.ä.€.😀.b'],
    ],
  },
  {
    source: 'foo.*',
    destination: 'x.{{split(1)}}',
    error: 'invalid mapping destination: not enough arguments passed to the function in {{split(1)}}',
  },
  {
    source: 'foo.*',
    destination: 'x.{{split(1,a,b)}}',
    error: 'invalid mapping destination: too many arguments passed to the function in {{split(1,a,b)}}',
  },
  {
    source: 'foo.*',
    destination: 'x.{{split(x,a)}}',
    error:
      'invalid mapping destination: function argument is invalid or in the wrong format in {{split(x,a)}}',
  },
  { source: 'foo.*', destination: 'x.{{split(1, -)}}', results: [['foo.a-b', 'x.a.b']] },
  {
    source: 'foo.*',
    destination: 'x.{{split(1,- )}}',
    error:
      'invalid mapping destination: function argument is invalid or in the wrong format in {{split(1,- )}}',
  },
  { source: 'foo.*', destination: 'x.{{split(1 ,-)}}', results: [['foo.a-b', 'x.a.b']] },
  {
    source: 'foo',
    destination: 'x.{{split(1,-)}}',
    error: 'invalid mapping destination: wildcard index out of range in {{split(1,-)}}',
  },
  {
    source: 'foo.*',
    destination: 'x.{{split(3,-)}}',
    error: 'invalid mapping destination: wildcard index out of range in {{split(3,-)}}: [3]',
  },
  { source: '*', destination: '{{splitfromleft(1,3)}}', results: [['12345', '123.45']] },
  { source: '*', destination: '{{SplitFromRight(1,3)}}', results: [['12345', '12.345']] },
  { source: '*', destination: '{{SliceFromLeft(1,3)}}', results: [['1234567890', '123.456.789.0']] },
  { source: '*', destination: '{{SliceFromRight(1,3)}}', results: [['1234567890', '1.234.567.890']] },
  {
    source: '*.bar',
    destination: 'x.{{splitfromleft(1,2)}}.{{sliceFromRight(1,2)}}.$1',
    results: [
      ['12345.bar', 'x.12.345.1.23.45.12345'],
      ['1.bar', 'x.1.1.1'],
    ],
  },
  { source: 'foo.*', destination: 'x.{{random(1)}}.$1', results: [['foo.a', 'x.0.a']] },
  { source: 'foo', destination: 'x.{{random(1)}}', results: [['foo', 'x.0']] },
  { source: 'foo', destination: 'x.{{random(0)}}', results: [['foo', 'x.0']] },
  {
    source: 'foo',
    destination: 'x.{{random()}}',
    error: 'invalid mapping destination: function argument is invalid or in the wrong format in {{random()}}',
  },
  {
    source: 'foo',
    destination: 'x.{{random(1,2)}}',
    error: 'invalid mapping destination: not enough arguments passed to the function in {{random(1,2)}}',
  },
  {
    source: 'foo',
    destination: 'x.{{random(x)}}',
    error:
      'invalid mapping destination: function argument is invalid or in the wrong format in {{random(x)}}',
  },
  {
    source: 'foo',
    destination: 'x.{{random(2147483648)}}',
    error:
      'invalid mapping destination: function argument is invalid or in the wrong format in {{random(2147483648)}}',
  },
  { source: 'foo.*', destination: '{{Random(-1)}}', results: [['foo.a', '0']] },
  {
    source: 'foo',
    destination: 'bar baz',
    results: [['foo', 'bar baz']],
    mappingError: 'invalid mapping destination: invalid transform',
  },
  {
    source: 'foo',
    destination: 'bar.b\taz',
    results: [['foo', 'bar.b\taz']],
    mappingError: 'invalid mapping destination: invalid transform',
  },
  {
    source: 'foo.*',
    destination: 'bar.{{wildcard(1)}} ',
    results: [['foo.a', 'bar.{{wildcard(1)}} ']],
    mappingError: 'invalid mapping destination: invalid transform',
  },
  {
    source: 'foo.*',
    destination: 'x .>',
    error: 'invalid subject',
    mappingError: 'invalid mapping destination: invalid transform',
  },
  { source: 'foo.*', destination: 'bar.$1', strict: true, results: [] },
  {
    source: 'foo.*',
    destination: 'bar',
    strict: true,
    error: 'invalid mapping destination: not using all of the token wildcard(s) in bar',
  },
  {
    source: 'foo.*.*',
    destination: 'bar.$1',
    strict: true,
    error: 'invalid mapping destination: not using all of the token wildcard(s) in bar.$1',
  },
  { source: 'foo.*.*', destination: 'bar.$2.$1', strict: true, results: [] },
  { source: 'foo.*.*', destination: 'bar.$1.$1', strict: true, results: [] },
  {
    source: 'foo.*',
    destination: 'bar.{{partition(3,1)}}',
    strict: true,
    error:
      'invalid mapping destination: the only mapping function allowed for import transforms is {{Wildcard()}} in {{partition(3,1)}}',
  },
  {
    source: 'foo.*',
    destination: 'bar.{{random(3)}}',
    strict: true,
    error:
      'invalid mapping destination: the only mapping function allowed for import transforms is {{Wildcard()}} in {{random(3)}}',
  },
  { source: 'foo', destination: 'bar.{{partition(3)}}', strict: true, results: [] },
  { source: 'foo.>', destination: 'bar.>', strict: true, results: [] },
  { source: 'foo.*.>', destination: 'bar.$1.>', strict: true, results: [] },
  {
    source: 'foo.*.>',
    destination: 'bar.>',
    strict: true,
    error: 'invalid mapping destination: not using all of the token wildcard(s) in bar.>',
  },
  {
    source: 'foo.*',
    destination: 'bar.$1.{{split(1,-)}}',
    strict: true,
    error:
      'invalid mapping destination: the only mapping function allowed for import transforms is {{Wildcard()}} in {{split(1,-)}}',
  },
  {
    source: 'foo.*',
    destination: 'x.$2',
    strict: true,
    error: 'invalid mapping destination: wildcard index out of range in $2: [2]',
  },
];
