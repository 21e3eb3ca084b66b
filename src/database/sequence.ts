/**
 * An SQL expression for the sequence that fills a column, as a regclass: an identity column's, or that of a default
 * which is a call of nextval and nothing else, whoever owns it. Null where values come from elsewhere.
 *
 * Not pg_get_serial_sequence: it knows only a sequence that the column owns, whether its default draws from it or not.
 *
 * @param column the alias of a row of `pg_attribute` in the query around it
 */
export function sequenceExpression(column: string): string {
  return `case when ${column}.attidentity <> '' then (
    select link.objid::regclass
    from pg_catalog.pg_depend link
    where link.classid = 'pg_catalog.pg_class'::regclass
    and link.refclassid = 'pg_catalog.pg_class'::regclass
    and link.refobjid = ${column}.attrelid
    and link.refobjsubid = ${column}.attnum
    and link.deptype = 'i'
  ) else (
    select sequence.oid::regclass
    from pg_catalog.pg_attrdef given
    join pg_catalog.pg_depend link on link.classid = 'pg_catalog.pg_attrdef'::regclass and link.objid = given.oid
    join pg_catalog.pg_class sequence on sequence.oid = link.refobjid and sequence.relkind = 'S'
    where link.refclassid = 'pg_catalog.pg_class'::regclass
    and given.adrelid = ${column}.attrelid
    and given.adnum = ${column}.attnum
    and pg_get_expr(given.adbin, given.adrelid) ~ '^nextval[(]''([^'']|'''')+''::regclass[)]$'
  ) end`;
}
