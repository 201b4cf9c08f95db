/* Codes as benefits/lib/codes.py reads them: nine signs and a check sign in the field of 32 elements. */
const ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
const LONGEST_TYPED = 64;
const POWERS = [1];
while (POWERS.length < 31) {
  const doubled = POWERS[POWERS.length - 1] << 1;
  POWERS.push(doubled & 32 ? doubled ^ 0b100101 : doubled);
}
const valueOf = (sign) => ALPHABET.indexOf({ O: "0", I: "1", L: "1" }[sign] ?? sign);
const weighed = (value, place) => (value ? POWERS[(POWERS.indexOf(value) + place) % 31] : 0);

/* The code that was meant, or null: another length, another sign, a wrong check sign. */
export function readCode(typed) {
  if ([...typed].length > LONGEST_TYPED) return null;
  const plain = typed.normalize("NFKC").replace(/[\s\-‐-―_.]+/g, "").toUpperCase();
  const values = [...plain].map(valueOf);
  if (values.length !== 10 || values.includes(-1)) return null;
  const check = values.slice(0, 9).reduce((sum, value, index) => sum ^ weighed(value, index + 1), 0);
  return check === values[9] ? values.map((value) => ALPHABET[value]).join("") : null;
}

/* A key of 16 signs, as forms make them (members/lib/fields.py). */
const SIGNS = "23456789abcdefghjkmnpqrstuvwxyz";
export function newKey() {
  let key = "";
  while (key.length < 16) {
    const [byte] = crypto.getRandomValues(new Uint8Array(1));
    if (byte < 8 * SIGNS.length) key += SIGNS[byte % SIGNS.length];
  }
  return key;
}
