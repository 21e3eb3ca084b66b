import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { from } from 'pg-copy-streams';

/** Rules in COPY's text format, in pieces of some kilobytes. */
export function toCopyText([ptypes, documents]) {
  const lines = ptypes.map((ptype, n) => `${escapeText(ptype)}\t${escapeText(documents[n])}\n`);
  return Array.from({ length: Math.ceil(lines.length / 1_000) }, (_, n) =>
    lines.slice(n * 1_000, (n + 1) * 1_000).join(''),
  );
}

/** The fastest way in there is; it fails on the first rule that is there already. */
export function copyRules(client, text) {
  return pipeline(Readable.from(text), client.query(from('copy casbin (ptype, rule) from stdin')));
}

function escapeText(value) {
  return value.replaceAll('\\', '\\\\').replaceAll('\t', '\\t').replaceAll('\n', '\\n');
}
