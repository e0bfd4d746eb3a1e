// A person's own link to DingTalk: a dialog that says what there is, links and unlinks.
define(
  'nocobase-plugin-auth-dingtalk/client-v2/own-link',
  ['react', 'antd', 'react-router-dom', './texts', './host', './people', './attempts'],
  function (React, antd, router, texts, host, people, attempts) {
    'use strict';

    const { expand, useText } = texts;
    const { ask, failureText } = host;
    const { moment } = people;
    const { refusalText, whileBusy } = attempts;

    const HANDLE = 'dingtalkLink';
    const REFUSAL = 'dingtalkLinkError';
    const REFERENCE = 'dingtalkReference';

    const h = React.createElement;
    const { useEffect, useState, useSyncExternalStore } = React;

    /** Outside of any component: the menu that opens the dialog is gone by then. */
    const dialog = {
      isOpen: false,
      /** The rows as they were read last; null where nobody has asked yet. */
      links: null,
      /** What came back with the page: `{ handle }`, or `{ code, reference }`. */
      returned: null,
      /** What was done, or why it was not. The modern client draws its pages anew while a link is made. */
      told: null,
      listeners: new Set(),
      set(change) {
        Object.assign(dialog, change);
        dialog.version = {};
        dialog.listeners.forEach((listener) => listener());
      },
      version: {},
    };

    const subscribe = (listener) => {
      dialog.listeners.add(listener);
      return () => dialog.listeners.delete(listener);
    };

    const useDialog = () => {
      useSyncExternalStore(subscribe, () => dialog.version);
      return dialog;
    };

    const open = () => dialog.set({ isOpen: true, told: null });

    const setTold = (told) => dialog.set({ told });

    /** Reads what there is to link to; without a DingTalk sign-in method it is nothing, and there is no menu entry. */
    const load = (request) => ask(request, { url: 'dingtalk:myLink' }).then(({ data }) => dialog.set({ links: data }));

    /** Whether the menu has an entry for it; a sidecar that is away has none to show. */
    const isOffered = async (request) => {
      if (dialog.links === null) await load(request).catch(() => {});
      return Boolean(dialog.links?.length);
    };

    let hasAsked = false;

    const complete = (request, flow) => whileBusy(() => ask(request, { url: 'dingtalk:link', method: 'post', data: { flow } }));

    /** The return that was taken last. */
    let lastReturn = null;

    /**
     * What a return from DingTalk has put into the address of a page, the address without it, and whether it is taken for
     * the first time: the modern client may draw its pages anew while the address still has it.
     */
    function takeReturn(search) {
      const query = new URLSearchParams(search);
      const found = { handle: query.get(HANDLE), code: query.get(REFUSAL), reference: query.get(REFERENCE) };
      if (!found.handle && !found.code) return null;
      const isOurs = (pair) => [HANDLE, REFUSAL, REFERENCE].includes(pair.split('=')[0]);
      const rest = search.replace(/^\?/, '').split('&').filter((pair) => pair && !isOurs(pair)).join('&');
      const key = JSON.stringify(found);
      const isFirst = key !== lastReturn;
      lastReturn = key;
      return { found, search: rest ? `?${rest}` : '', isFirst };
    }

    function PasswordForm({ label, isDanger, onSubmit, onCancel }) {
      const { t } = useText();
      const [password, setPassword] = useState('');
      const [isRunning, setRunning] = useState(false);
      const run = () => {
        setRunning(true);
        onSubmit(password).finally(() => setRunning(false));
      };
      return h(antd.Form, { layout: 'vertical', onFinish: run, style: { marginTop: 12 } },
        h(antd.Form.Item, { label: t('Current password'), required: true, style: { marginBottom: 12 } },
          h(antd.Input.Password, { autoFocus: true, autoComplete: 'current-password', value: password, onChange: (event) => setPassword(event.target.value), 'data-testid': 'dingtalk-own-password' })),
        h(antd.Space, null,
          h(antd.Button, { type: 'primary', danger: isDanger, htmlType: 'submit', loading: isRunning, disabled: !password }, label),
          h(antd.Button, { onClick: onCancel }, t('Cancel'))),
      );
    }

    function OwnLink({ row, request, isOnly, onChange }) {
      const { t, i18n } = useText();
      const [isAsking, setAsking] = useState(false);
      const [failure, setFailure] = useState(null);
      const params = { authenticator: row.authenticator };
      const fail = (error) => setFailure(failureText(error, t));
      const begin = (password) =>
        ask(request, { url: 'dingtalk:link', method: 'post', params, data: { password, return: window.location.pathname + window.location.search } })
          .then(({ data }) => window.location.assign(data.url))
          .catch(fail);
      const remove = (password) =>
        ask(request, { url: 'dingtalk:unlinkMe', method: 'post', params, data: { password } })
          .then(() => {
            setAsking(false);
            return onChange(t('Your DingTalk account is no longer linked. You stay signed in.'));
          })
          .catch(fail);
      const state = row.isLinked
        ? t('Linked since {{time}}', { time: moment(row.linkedAt, i18n.language) })
        : t('Not linked');
      const label = row.isLinked ? t('Remove link') : t('Link a DingTalk account');
      const askForPassword = () => {
        setFailure(null);
        setAsking(true);
      };
      return h('div', { 'data-testid': `dingtalk-own-link-${row.authenticator}`, style: { marginBottom: 16 } },
        isOnly ? null : h(antd.Typography.Text, { strong: true, style: { display: 'block' } }, expand(t, row.title) || row.authenticator),
        h(antd.Space, { wrap: true, style: { width: '100%', justifyContent: 'space-between' } },
          h('div', null,
            row.nickname ? h('div', null, row.nickname) : null,
            h(antd.Typography.Text, { type: 'secondary' }, state)),
          row.refusal || isAsking ? null : h(antd.Button, { danger: row.isLinked, onClick: askForPassword }, label)),
        row.refusal ? h(antd.Alert, { type: 'info', showIcon: true, message: row.refusal.message, style: { marginTop: 12 } }) : null,
        isAsking && row.isLinked ? h(antd.Typography.Paragraph, { type: 'secondary', style: { margin: '12px 0 0' } }, t('After that you sign in with your password. Signing in with DingTalk finds you by phone number again.')) : null,
        failure ? h(antd.Alert, { type: 'error', showIcon: true, role: 'alert', message: failure, style: { marginTop: 12 }, 'data-testid': 'dingtalk-own-failure' }) : null,
        isAsking ? h(PasswordForm, { label: row.isLinked ? label : t('Continue to DingTalk'), isDanger: row.isLinked, onSubmit: row.isLinked ? remove : begin, onCancel: () => setAsking(false) }) : null,
      );
    }

    function OwnLinks({ request }) {
      const { t } = useText();
      const { links, returned, told } = useDialog();
      const reload = () => load(request).catch((error) => setTold({ type: 'error', text: failureText(error, t) }));
      useEffect(() => {
        if (!returned) {
          reload();
          return;
        }
        dialog.set({ returned: null });
        if (returned.code) {
          setTold({ type: 'error', text: refusalText(t, returned.code, returned.reference, 'The link was not made. Start again.') });
          reload();
          return;
        }
        setTold({ type: 'info', text: t('Linking your DingTalk account…') });
        complete(request, returned.handle)
          .then(() => setTold({ type: 'success', text: t('Your DingTalk account is linked.') }))
          .catch((error) => setTold({ type: 'error', text: failureText(error, t) }))
          .finally(reload);
      }, []);
      const onChange = (text) => {
        setTold({ type: 'success', text });
        return reload();
      };
      return h('div', { 'data-testid': 'dingtalk-own-links' },
        h('div', { 'aria-live': 'polite' }, told ? h(antd.Alert, { type: told.type, showIcon: true, message: told.text, style: { marginBottom: 16 }, 'data-testid': 'dingtalk-own-told' }) : null),
        links === null && !told ? h(antd.Skeleton, { active: true, title: false, paragraph: { rows: 2 } }) : null,
        (links ?? []).map((row) => h(OwnLink, { key: row.authenticator, row, request, isOnly: links.length === 1, onChange })),
      );
    }

    /**
     * Beside the pages, so that it outlives the menu and finds what a return has put into any page's address.
     *
     * @param isMenuStatic whether the user menu takes its entries as they are when it opens, and none that come later
     */
    function OwnLinkProvider({ request, isSignedIn, isMenuStatic, children }) {
      const { t } = useText();
      const { isOpen } = useDialog();
      const location = router.useLocation();
      const navigate = router.useNavigate();
      useEffect(() => {
        // Whoever is signed out meanwhile signs in first, and comes back to this address.
        const taken = isSignedIn() ? takeReturn(location.search) : null;
        if (!taken) return;
        navigate({ pathname: location.pathname, search: taken.search, hash: location.hash }, { replace: true });
        if (taken.isFirst) dialog.set({ isOpen: true, returned: taken.found, told: null });
      }, [location.search]);
      useEffect(() => {
        if (!isMenuStatic || hasAsked || !isSignedIn()) return;
        hasAsked = true;
        isOffered(request);
      }, [location.pathname]);
      const close = () => dialog.set({ isOpen: false });
      return h(React.Fragment, null, children,
        isOpen ? h(antd.Modal, { open: true, title: t('DingTalk account'), footer: null, onCancel: close, destroyOnClose: true }, h(OwnLinks, { request })) : null);
    }

    const useIsOffered = () => Boolean(useDialog().links?.length);

    function OwnLinkLabel() {
      const { t } = useText();
      return t('DingTalk account');
    }

    return { OwnLinkLabel, OwnLinkProvider, isOffered, openOwnLink: open, takeReturn, useIsOffered };
  },
);
