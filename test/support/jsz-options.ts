/** `/jsz` without any parameters. */
export const noJszOptions = {
  account: '',
  accounts: false,
  streams: false,
  consumers: false,
  directConsumers: false,
  config: false,
  leaderOnly: false,
  offset: 0,
  limit: 0,
  raftGroups: false,
  streamLeaderOnly: false,
};
