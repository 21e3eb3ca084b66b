/** How many of the rules are missing: the one query that a start with nothing to do can't be without. */
export async function countMissing(pool, arrays) {
  const { rows } = await pool.query(
    `select count(*)::int as missing
     from unnest($1::text[], $2::text[]) as given (ptype, document)
     where not exists (select from casbin c where c.ptype = given.ptype and c.rule = given.document::jsonb)`,
    arrays,
  );
  return rows[0].missing;
}
