import { type Model, Util } from 'casbin';
import { formatText, type Rule } from '../policy/rule.ts';
import { patternPlaces } from './calls.ts';

/**
 * Why ipMatch does not read an address or a range as it is meant: null if it does. It takes any text for a mask (casbin
 * 5.51.1, ip.cidrSubnet): `10.0.0.0/33` has every IPv4 address, and `10.0.0.0/255.0.0.0` only the first of them.
 */
export function findAddressFault(range: string): string | null {
  return findMaskFault(range) ?? findRefusal(range);
}

/** Why ipMatch throws for every address; null if it does not. */
export function findRefusal(range: string): string | null {
  try {
    // A wrong second argument without a mask would be printed; the first one is checked in the same way.
    if (range.split('/').length === 2) Util.ipMatchFunc('0.0.0.0', range);
    else Util.ipMatchFunc(range, '0.0.0.0');
    return null;
  } catch {
    return 'it is not an IP address';
  }
}

/** The fault of the mask alone; null for none, or without a mask. */
function findMaskFault(range: string): string | null {
  const slash = range.indexOf('/');
  if (slash === -1) return null;
  const most = range.includes(':') ? 128 : 32;
  // Casbin reads the number without the blanks around it.
  const mask = range.slice(slash + 1).trim();
  return /^\d{1,3}$/.test(mask) && Number(mask) <= most ? null : `its mask is not a number from 0 to ${most}`;
}

/**
 * Creates a function that returns why a rule does not match the addresses that it names, although Casbin decides on it.
 * Null for any other rule.
 */
export function maskCheck(model: Model): (rule: Rule) => string | null {
  const places = patternPlaces(model, (name) => name === 'ipMatch');
  return ({ ptype, values }) => {
    for (const { ptype: own, position } of places) {
      const range = own === ptype ? values[position] : undefined;
      const fault = range === undefined ? null : findMaskFault(range);
      if (range !== undefined && fault !== null)
        return `has the address range ${formatText(range)}, and ${fault}, so Casbin matches other addresses. Correct it`;
    }
    return null;
  };
}
