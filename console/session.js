// What the browser remembers of a sign-in, under NocoBase's own storage keys.

const TOKEN = 'NOCOBASE_TOKEN';
const AUTHENTICATOR = 'NOCOBASE_AUTH';
const ROLE = 'NOCOBASE_ROLE';
const LOCALE = 'NOCOBASE_LOCALE';

const read = (key) => localStorage.getItem(key) || null;

function write(key, value) {
  if (value) localStorage.setItem(key, value);
  else localStorage.removeItem(key);
}

export const session = {
  get token() { return read(TOKEN); },
  get authenticator() { return read(AUTHENTICATOR); },
  get role() { return read(ROLE); },
  get locale() { return read(LOCALE); },
  set locale(value) { write(LOCALE, value); },

  /** A stored role of another account would make the server refuse the new one. */
  forgetRole() { write(ROLE, null); },

  begin(authenticator, token) {
    write(AUTHENTICATOR, authenticator);
    write(TOKEN, token);
  },

  /** Keeps a renewed token, unless another tab has signed in or out since it was asked for. */
  renew(previous, token) {
    if (read(TOKEN) === previous) write(TOKEN, token);
  },

  end() {
    write(TOKEN, null);
    write(AUTHENTICATOR, null);
    write(ROLE, null);
  },

  /** The facts inside the token, unverified: for showing only. */
  claims() {
    const payload = read(TOKEN)?.split('.')[1];
    if (!payload) return {};
    try {
      const bytes = Uint8Array.from(atob(payload.replace(/-/g, '+').replace(/_/g, '/')), (c) => c.charCodeAt(0));
      return JSON.parse(new TextDecoder().decode(bytes)) ?? {};
    } catch {
      return {};
    }
  },
};
