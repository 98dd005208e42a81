// A count as it is often built: a Redis set of who is online in a community, and SCARD behind a web service.
//
//     node server.mjs REDIS_PORT PROCESSES
//
// Prints its port when it is ready.
import cluster from 'node:cluster';
import fastify from 'fastify';
import Redis from 'ioredis';

const [redisPort, processes] = process.argv.slice(2).map(Number);

if (cluster.isPrimary) {
  let ready = 0;
  cluster.on('message', (_, { port }) => {
    ready += 1;
    if (ready === processes) console.log(port);
  });
  // A process that dies is not replaced: the measurement is to fail.
  cluster.on('exit', () => process.exit(1));
  // Port 0 is any free port, and the same one for all processes.
  for (let number = 0; number < processes; number += 1) cluster.fork();
} else {
  const redis = new Redis({ host: '127.0.0.1', port: redisPort });
  const app = fastify();
  app.post('/v4/:service/:command', async (request, reply) => {
    const online = await redis.scard(`online:${request.body.GroupId}`);
    reply.type('application/json');
    return { ActionStatus: 'OK', ErrorInfo: '', ErrorCode: 0, OnlineMemberNum: online };
  });
  await app.listen({ host: '127.0.0.1', port: 0 });
  process.send({ port: app.server.address().port });
}
