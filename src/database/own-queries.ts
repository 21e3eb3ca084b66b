import { CompiledQuery, type Kysely, type KyselyPlugin, type QueryId } from 'kysely';
import type { ClientLike } from './client.ts';

const PARSERS: ReadonlyMap<number, (text: string) => unknown> = new Map([
  [16, (text: string) => text === 't'],
  // int2, int4, oid, float4, float8
  ...[21, 23, 26, 700, 701].map((oid) => [oid, Number] as const),
  // json, jsonb
  ...[114, 3802].map((oid) => [oid, JSON.parse] as const),
]);

/**
 * The parsers for values of our statements, because an application may have changed pg's own: they are pg's defaults,
 * for the types that we select. Everything else stays text.
 *
 * The numbers are those of pg_type.dat, the same in every database. It is also an empty list, because pg reads `types`
 * as the list of the parameters' types too.
 */
export const OWN_TYPES = Object.assign([], {
  getTypeParser: (oid: number) => PARSERS.get(oid) ?? asText,
});

function asText(text: string): string {
  return text;
}

const own = new WeakSet<QueryId>();

/**
 * Marks what a Kysely runs as a query of ours, so that {@link OWN_TYPES} read its result. What a seeder or a
 * migration of the application runs has no such mark: it gets the values that it gets everywhere else.
 */
export const OWN_QUERIES: KyselyPlugin = {
  transformQuery({ node, queryId }) {
    own.add(queryId);
    return node;
  },
  transformResult: async ({ result }) => result,
};

export function isOwnQuery(queryId: QueryId): boolean {
  return own.has(queryId);
}

/** The connection of a Kysely, as a client for statements of ours. */
export function asClient(db: Pick<Kysely<unknown>, 'executeQuery'>): ClientLike {
  return {
    async query(text, values = []) {
      const query = CompiledQuery.raw(text, values);
      own.add(query.queryId);
      const { rows } = await db.executeQuery(query);
      return { rows, rowCount: rows.length, command: '' };
    },
  };
}
