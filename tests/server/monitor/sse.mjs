// Parses the streams of standard input, a list of lists of pieces, and prints the messages of each.
const { SseParser } = await import(`${process.argv[2]}/sse-parser.js`);

const chunks = [];
for await (const chunk of process.stdin) chunks.push(chunk);
const parsed = JSON.parse(Buffer.concat(chunks)).map((pieces) => {
  const parser = new SseParser();
  const messages = pieces.flatMap((piece) => parser.push(piece));
  return { messages: messages.map(({ type, data, id }) => [type, data, id]), retry: parser.retryMs };
});
process.stdout.write(JSON.stringify(parsed));
