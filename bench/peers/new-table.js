import { inTransaction } from '../transaction.js';

/** The table of casbin-pg-adapter without its indexes, as a bootstrap makes it. */
const TABLE = 'create table casbin (id serial not null, ptype text not null, rule jsonb not null)';

const INDEXES = `
  alter table casbin add constraint casbin_pkey primary key (id);
  alter table casbin add constraint casbin_uniq_ptype_rule unique (ptype, rule);
  create index idx_casbin_ptype on casbin (ptype);
  create index idx_casbin_rule_v0 on casbin ((rule ->> 0));
  create index idx_casbin_rule_v1 on casbin ((rule ->> 1));
  create index idx_casbin_rule_v2 on casbin ((rule ->> 2));
  create index idx_casbin_rule_v3 on casbin ((rule ->> 3));
  create index idx_casbin_rule_v4 on casbin ((rule ->> 4));
  create index idx_casbin_rule_v5 on casbin ((rule ->> 5))`;

/** Makes the table, fills it by `write(client)`, and makes its indexes then, or before. */
export function fillNewTable(pool, write, { indexes }) {
  return inTransaction(pool, async (client) => {
    await client.query(TABLE);
    if (indexes === 'first') await client.query(INDEXES);
    await write(client);
    if (indexes === 'afterwards') await client.query(INDEXES);
  });
}
