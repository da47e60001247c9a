// From a CommonJS program: the package is an ES module, so it comes by import().
//
//   node examples/commonjs.cjs
async function main() {
  const { WeftServer, natsVersion } = await import('weft-server');
  // The text of a configuration file; { configFile: 'path' } reads one. Port and host here win over it.
  const config = 'authorization { user: joe, password: secret }';
  const server = await WeftServer.create({ config }, { host: '127.0.0.1', port: -1 });

  const { connect } = require('@nats-io/transport-node');
  const nc = await connect({ servers: server.url, user: 'joe', pass: 'secret' });
  console.log(`connected to a server that behaves like ${natsVersion}: ${nc.info.version === natsVersion}`);
  await nc.close();
  await server.close();
}

main();
