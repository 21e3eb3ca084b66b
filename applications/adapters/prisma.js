import { PrismaPg } from '@prisma/adapter-pg';
import { PrismaClient } from '@prisma/client';
import { PrismaAdapter } from 'casbin-prisma-adapter';

export const tableName = 'casbin_rule';

/** What `prisma migrate` makes of schema.prisma. It needs an engine that is not on npm, so the SQL stands here. */
export const createTable = `
  create table "casbin_rule" (
    "id" serial not null,
    "ptype" text not null,
    "v0" text,
    "v1" text,
    "v2" text,
    "v3" text,
    "v4" text,
    "v5" text,
    constraint "casbin_rule_pkey" primary key ("id")
  )
`;

export async function openAdapter(url) {
  const client = new PrismaClient({ adapter: new PrismaPg({ connectionString: url }) });
  const adapter = await PrismaAdapter.newAdapter(client);
  return { adapter, close: () => adapter.close() };
}
