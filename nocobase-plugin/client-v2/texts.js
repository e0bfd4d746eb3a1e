// Texts in the language of the page, from the package's own namespace first.
define('nocobase-plugin-auth-dingtalk/client-v2/texts', ['react-i18next'], function (reactI18next) {
  'use strict';

  const PACKAGE = 'nocobase-plugin-auth-dingtalk';

  function useText() {
    const { t, i18n } = reactI18next.useTranslation([PACKAGE, 'client'], { nsMode: 'fallback' });
    // React escapes whatever it shows: names would be seen with their signs spelt out.
    return { i18n, t: (key, values) => t(key, { ...values, interpolation: { escapeValue: false } }) };
  }

  /** Text that may be a template such as `{{t("Client ID", {ns: "…"})}}`. */
  function expand(t, text) {
    const template = /^\s*\{\{\s*t\(\s*(["'])(.*?)\1\s*(?:,.*)?\)\s*\}\}\s*$/s.exec(text ?? '');
    return template ? t(template[2]) : text;
  }

  /** What stands for the values of a sentence that nobody has kept. */
  const gaps = (key) => Object.fromEntries([...key.matchAll(/\{\{\s*(\w+)\s*\}\}/g)].map(([, name]) => [name, '…']));

  return { BUTTON: "__NBDT_BUTTON__", FORM: "__NBDT_FORM__", PACKAGE, expand, gaps, useText };
});
