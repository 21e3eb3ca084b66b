/** As casbin-pg-adapter 1.4.0 leaves a database. */
export const STOCK = `
  create table casbin (id serial not null primary key, ptype text not null, rule jsonb not null, constraint casbin_uniq_rule unique (rule));
  create table casbin_migrations (id serial primary key, name varchar(255) not null, run_on timestamp not null);
`;

export const MAY_READ = 'grant select on all tables in schema public to ROLE;';
