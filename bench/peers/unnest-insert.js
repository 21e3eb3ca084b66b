/** The floor of seeding: one statement, its parameters made beforehand. */
export function insertRules(client, arrays) {
  return client.query(
    `insert into casbin (ptype, rule)
     select ptype, document::jsonb from unnest($1::text[], $2::text[]) as given (ptype, document)
     on conflict do nothing`,
    arrays,
  );
}
