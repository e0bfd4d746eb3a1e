// Texts in the reader's language. The key of a text is its English sentence, so a missing translation reads as English.

import { api } from './api.js';
import { session } from './session.js';

export const NAMESPACE = 'nocobase-plugin-auth-dingtalk';

/** Each language by its own name. */
export const LANGUAGE_NAMES = {
  'en-US': 'English',
  'zh-CN': '简体中文',
  'hi-IN': 'हिन्दी',
  'ru-RU': 'Русский',
  'de-DE': 'Deutsch',
  'id-ID': 'Bahasa Indonesia',
  'tr-TR': 'Türkçe',
};

let language = session.locale || document.documentElement.lang || 'en-US';
let texts = {};

export const currentLanguage = () => language;

/** The text for `key`, `{{name}}` in it replaced from `values`. */
export function t(key, values = {}) {
  return interpolate(texts[key] || key, values);
}

function interpolate(text, values) {
  return text.replace(/\{\{\s*(\w+)\s*\}\}/g, (whole, name) => (name in values ? String(values[name]) : whole));
}

/** Replaces NocoBase's template for a translated text inside texts that come from a schema or a row. */
export function expand(text) {
  return String(text ?? '').replace(/\{\{\s*t\(\s*(?:"((?:[^"\\]|\\.)*)"|'((?:[^'\\]|\\.)*)')[^)]*\)\s*\}\}/g,
    (_, double, single) => t((double ?? single).replace(/\\(.)/g, '$1')));
}

/** Loads the texts of the remembered language, or of `wanted`, which is then remembered. */
export async function loadTexts(wanted) {
  if (wanted) session.locale = wanted;
  const locale = session.locale || language;
  try {
    const { data } = await api.get('app:getLang', { locale });
    language = data.lang || locale;
    texts = data.resources?.[NAMESPACE] ?? {};
  } catch {
    // English sentences are the keys: the pages stay usable while the server cannot give the texts.
    language = 'en-US';
    texts = {};
  }
  document.documentElement.lang = language;
}

export function formatDateTime(value) {
  const date = new Date(value);
  if (Number.isNaN(date.getTime())) return '';
  return new Intl.DateTimeFormat(language, { dateStyle: 'medium', timeStyle: 'short' }).format(date);
}

export function formatNumber(value) {
  return new Intl.NumberFormat(language).format(value);
}
