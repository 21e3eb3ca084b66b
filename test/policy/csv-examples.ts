/** A Casbin model's definitions of rules, and a policy file for it. */
export interface CsvExample {
  readonly definitions: string;
  readonly csv: string;
}

const ACL = 'p = sub, obj, act';
const RBAC = `${ACL}\n[role_definition]\ng = _, _`;

/** Policies of the kinds that Casbin's own documents show, and files as people leave them. */
export const csvExamples: Readonly<Record<string, CsvExample>> = {
  'an access list': { definitions: ACL, csv: 'p, alice, data1, read\np, bob, data2, write' },
  'quoted ptypes': { definitions: ACL, csv: '"p", alice, data1, read\n' },
  'without users': { definitions: 'p = obj, act', csv: 'p, data1, read\np, data2, write\n' },
  'without resources': { definitions: 'p = sub, act', csv: 'p,alice,read\np,bob,write\n' },
  roles: {
    definitions: RBAC,
    csv: 'p, alice, data1, read\np, data2_admin, data2, read\np, data2_admin, data2, write\n\ng, alice, data2_admin',
  },
  domains: {
    definitions: 'p = sub, dom, obj, act\n[role_definition]\ng = _, _, _',
    csv: 'p, admin, domain1, data1, read\np, admin, domain2, data2, write\ng, alice, admin, domain1\ng, bob, admin, domain2\n',
  },
  'domain patterns': {
    definitions: 'p = sub, dom, obj, act\n[role_definition]\ng = _, _, _',
    csv: 'p, admin, *, data1, read\np, admin, domain2/*, data2, write\ng, alice, admin, *\n',
  },
  'resource roles': {
    definitions: `${RBAC}\ng2 = _, _`,
    csv: 'p, alice, data1, read\np, data_group_admin, data_group, write\n\ng, alice, data_group_admin\ng2, data1, data_group\ng2, data2, data_group\n',
  },
  deny: {
    definitions: 'p = sub, obj, act, eft\n[role_definition]\ng = _, _',
    csv: 'p, alice, data1, read, allow\np, data2_admin, data2, write, allow\np, alice, data2, write, deny\n\ng, alice, data2_admin\n',
  },
  'implicit priority': {
    definitions: 'p = sub, obj, act, eft\n[role_definition]\ng = _, _',
    csv: 'p, alice, data1, read, allow\np, data1_deny_group, data1, read, deny\ng, alice, data1_deny_group\n',
  },
  'explicit priority': {
    definitions: 'p = priority, sub, obj, act, eft\n[role_definition]\ng = _, _',
    csv: 'p, 10, data1_deny_group_id, data1, read, deny\np, 1, alice, data1, write, allow\np, -5, bob, data2, read, deny\n\ng, bob, data2_allow_group\n',
  },
  'several policy definitions': {
    definitions: 'p = sub, obj, act\np2 = sub_rule, obj, act\n[role_definition]\ng = _, _',
    csv: 'p, data2_admin, data2, read\np2, r2.sub.Age > 18 && r2.sub.Age < 60, /data1, read\n\ng, alice, data2_admin\n',
  },
  keyMatch: {
    definitions: ACL,
    csv: 'p, alice, /alice_data/*, GET\np, alice, /alice_data/resource1, POST\np, cathy, /cathy_data, (GET)|(POST)\n',
  },
  keyMatch2: {
    definitions: ACL,
    csv: 'p, alice, /alice_data/:resource, GET\np, alice, /alice_data2/{id}/using/:resId, GET\n',
  },
  'regular expressions': {
    definitions: ACL,
    csv: 'p, alice, ^/data/[0-9]+$, (GET|POST)\np, bob, "^/data/[0-9]{1,3}$", "GET"\n',
  },
  globs: { definitions: ACL, csv: 'p, u1, /foo/*, read\np, u2, *foo*, read\np, u3, /*/foo/*, read\n' },
  'IP ranges': { definitions: ACL, csv: 'p, 192.168.2.0/24, data1, read\np, 10.0.0.0/16, data2, write\n' },
  'rules on attributes': {
    definitions: 'p = sub_rule, obj, act',
    csv: 'p, r.sub.Age > 18, /data1, read\np, r.sub.Age < 60, /data2, write\n',
  },
  'calls in rules': {
    definitions: 'p = sub_rule, obj, act',
    csv: 'p, "keyMatch(r.obj, ""/a/*"") && r.sub.Name != ""x""", data1, read\np, in(r.sub, (a, b)), data2, read\n',
  },
  'comments and blank lines': {
    definitions: RBAC,
    csv: '# policy\n\n  # indented\np, alice, data1, read\n   \n\t\n#g, alice, root\ng, alice, reader # not a comment\n',
  },
  'blanks, tabs and no blanks': {
    definitions: RBAC,
    csv: '  p ,alice,\tdata1  , read\np,bob,data 2,read\n\tg,\talice\t,reader\n',
  },
  'carriage returns': { definitions: RBAC, csv: 'p, alice, data1, read\r\n\r\n# c\r\ng, alice, reader\r\n' },
  'a byte order mark': { definitions: RBAC, csv: '\ufeffp, alice, data1, read\ng, alice, reader\n' },
  quotes: {
    definitions: RBAC,
    csv: 'p, "alice", "data, 1", "read"\n"p", bob, say "hi", read\np, "say ""hi""", "  padded ", x\n"g", "a""b", """c"""\n',
  },
  brackets: {
    definitions: ACL,
    csv: 'p, f(a, b), (x), y\np, "f(a, b)", )(, z\np, (a,(b, c)), (, )\n',
  },
  'empty values': { definitions: ACL, csv: 'p, , data1, read\np, alice, "", read\np, bob, data1,\n' },
  'Unicode, and names of JavaScript': {
    definitions: ACL,
    csv: 'p, Zoë, данные, 読む\np, __proto__, constructor, toString\np, 😀, a\u00a0b, x\n',
  },
};
