// The modern client, and the parts that both clients share: the classic one loads this module too.
define(
  'nocobase-plugin-auth-dingtalk/client-v2',
  ['react', 'antd', '@ant-design/icons', 'react-router-dom', 'react-i18next', '@nocobase/client-v2'],
  function (React, antd, icons, router, reactI18next, client) {
    'use strict';

    const PACKAGE = 'nocobase-plugin-auth-dingtalk';
    const AUTH_TYPE = 'dingtalk';
    const BUTTON = "__NBDT_BUTTON__";
    const FORM = "__NBDT_FORM__";
    const OWN_PARAMETERS = ['authenticator', 'dingtalk', 'error'];
    // After this long a person wonders whether anything still happens.
    const WAITING_AFTER_MS = 4000;
    const BUSY_RETRIES = 5;

    const h = React.createElement;
    const { useCallback, useContext, useEffect, useMemo, useRef, useState, useSyncExternalStore } = React;

    // ---- texts

    function useText() {
      return reactI18next.useTranslation([PACKAGE, 'client'], { nsMode: 'fallback' });
    }

    /** Text that may be a template such as `{{t("Client ID", {ns: "…"})}}`. */
    function expand(t, text) {
      const template = /^\s*\{\{\s*t\(\s*(["'])(.*?)\1\s*(?:,.*)?\)\s*\}\}\s*$/s.exec(text ?? '');
      return template ? t(template[2]) : text;
    }

    // ---- where a sign-in returns to

    /** A path of this site in normal form, or null. */
    function sameSitePath(text) {
      // eslint-disable-next-line no-control-regex
      if (typeof text !== 'string' || !/^\/(?![/\\])/.test(text) || /[\\\u0000-\u001f\u007f]/.test(text)) return null;
      try {
        const url = new URL(text, window.location.origin);
        // "/.//other.example" is a path of this site until it is normalised.
        return url.origin === window.location.origin && !url.pathname.startsWith('//') ? url.pathname + url.search + url.hash : null;
      } catch {
        return null;
      }
    }

    const isOwnParameter = (pair) => OWN_PARAMETERS.includes(pair.split('=')[0]);

    /**
     * The page first asked for. The classic client writes it unescaped, so what follows belongs to it as well:
     * `?redirect=/admin/x?tab=1&page=2`.
     */
    function requestedPage(search) {
      const value = /(?:^\?|&)redirect=(.*)$/s.exec(search)?.[1];
      if (!value) return null;
      const text = value.startsWith('/') ? value.split('&').filter((pair) => !isOwnParameter(pair)).join('&') : new URLSearchParams(`v=${value}`).get('v');
      const path = sameSitePath(text);
      return path && !/\/signin\/?(?:[?#]|$)/.test(path) ? path : null;
    }

    /** This sign-in page without what an earlier attempt left in its address. */
    function signInPagePath() {
      const { pathname, search } = window.location;
      const page = requestedPage(search);
      const others = search.replace(/^\?/, '').replace(/(?:^|&)redirect=.*$/s, '').split('&').filter((pair) => pair && !isOwnParameter(pair));
      if (page) others.push(`redirect=${encodeURIComponent(page)}`);
      return others.length ? `${pathname}?${others.join('&')}` : pathname;
    }

    // ---- the attempt of this page load, outside of any component: pages mount their buttons more than once

    const attempts = {
      byAuthenticator: new Map(),
      usedFlows: new Set(),
      listeners: new Set(),
      get(name) {
        return this.byAuthenticator.get(name) ?? null;
      },
      set(name, state) {
        this.byAuthenticator.set(name, state);
        this.listeners.forEach((listener) => listener());
      },
    };

    const subscribe = (listener) => {
      attempts.listeners.add(listener);
      return () => attempts.listeners.delete(listener);
    };

    const pause = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));

    async function postFlow(apiClient, name, flow) {
      for (let round = 0; ; round += 1) {
        try {
          const answer = await apiClient.request({
            url: 'auth:signIn',
            method: 'post',
            data: { flow },
            headers: { 'X-Authenticator': name },
            skipNotify: true,
            skipAuth: true,
          });
          return answer.data.data;
        } catch (error) {
          const { status, headers, data } = error?.response ?? {};
          const isBusy = status === 503 && data?.errors?.[0]?.code === 'DINGTALK_BUSY';
          if (!isBusy || round >= BUSY_RETRIES) throw error;
          // Nothing was used up: the same flow may ask again, not all at the same moment.
          attempts.set(name, { status: 'pending', isQueued: true });
          const seconds = Math.min(Math.max(Number(headers?.['retry-after']) || 5, 1), 60);
          await pause(seconds * (1 + Math.random() / 4) * 1000);
        }
      }
    }

    async function completeSignIn({ apiClient, name, flow, t, enter }) {
      attempts.set(name, { status: 'pending' });
      try {
        // Another account's role would be sent along and refused.
        apiClient.auth.setRole(null);
        const { token } = await postFlow(apiClient, name, flow);
        apiClient.auth.setAuthenticator(name);
        apiClient.auth.setToken(token);
        await enter();
        attempts.set(name, null);
      } catch (error) {
        const refusal = error?.response?.data?.errors?.[0]?.message;
        attempts.set(name, { status: 'failed', message: refusal || t(BUTTON.unknownError) });
      }
    }

    // ---- the button

    /**
     * @param host what differs between the clients: `{ apiClient, apiUrl(action), enter(): Promise<void> }`
     */
    function SignInButton({ authenticator, host, isFirst }) {
      const { t } = useText();
      const { name } = authenticator;
      const location = router.useLocation();
      const navigate = router.useNavigate();
      const attempt = useSyncExternalStore(subscribe, () => attempts.get(name));
      const [isLeaving, setLeaving] = useState(false);
      const [isSlow, setSlow] = useState(false);
      const latestEnter = useRef(host.enter);
      latestEnter.current = host.enter;

      useEffect(() => {
        const query = new URLSearchParams(location.search);
        const flow = query.get('dingtalk');
        const code = query.get('error');
        if (!flow && !code) return;
        const named = query.get('authenticator');
        if (named ? named !== name : !isFirst) return;
        const rest = location.search.replace(/^\?/, '').split('&').filter((pair) => pair && !isOwnParameter(pair)).join('&');
        navigate({ pathname: location.pathname, search: rest ? `?${rest}` : '', hash: location.hash }, { replace: true });
        if (code) {
          const known = Object.prototype.hasOwnProperty.call(BUTTON.errors, code) ? BUTTON.errors[code] : BUTTON.unknownError;
          attempts.set(name, { status: 'failed', message: t(known, { seconds: 60, permission: '?' }) });
        } else if (!attempts.usedFlows.has(flow)) {
          attempts.usedFlows.add(flow);
          completeSignIn({ apiClient: host.apiClient, name, flow, t, enter: () => latestEnter.current() });
        }
      }, [location.search]);

      // A page brought back by the browser's "back" is as it was left.
      useEffect(() => {
        const reset = (event) => event.persisted && setLeaving(false);
        window.addEventListener('pageshow', reset);
        return () => window.removeEventListener('pageshow', reset);
      }, []);

      const isPending = attempt?.status === 'pending';
      useEffect(() => {
        setSlow(false);
        if (!isPending) return undefined;
        const timer = setTimeout(() => setSlow(true), WAITING_AFTER_MS);
        return () => clearTimeout(timer);
      }, [isPending]);

      const begin = () => {
        setLeaving(true);
        attempts.set(name, null);
        const query = new URLSearchParams({ authenticator: name, return: signInPagePath() });
        window.location.assign(`${host.apiUrl('auth:redirect')}?${query}`);
      };

      const label = expand(t, authenticator.title) || t(BUTTON.title);
      return h(
        antd.Space,
        { direction: 'vertical', size: 'small', style: { width: '100%' }, className: 'nbdt-sign-in' },
        h(
          antd.Button,
          {
            block: true,
            icon: h(icons.DingtalkOutlined, { 'aria-hidden': true }),
            loading: isPending || isLeaving,
            'aria-busy': isPending || isLeaving,
            'data-testid': `dingtalk-sign-in-${name}`,
            onClick: begin,
          },
          isPending ? t(BUTTON.pending) : label,
        ),
        h(
          'div',
          { 'aria-live': 'polite' },
          isPending && (isSlow || attempt.isQueued) ? h(antd.Typography.Text, { type: 'secondary' }, t(BUTTON.waiting)) : null,
          attempt?.status === 'failed'
            ? h(antd.Alert, { type: 'error', showIcon: true, role: 'alert', message: attempt.message, 'data-testid': 'dingtalk-error', style: { textAlign: 'start', wordBreak: 'break-word' } })
            : null,
        ),
      );
    }

    // ---- the settings form: what both clients put around and into it

    /** What the settings need of the client they run in: `{ request(options), apiUrl(action), authenticator: { id, name, options } }`. */
    const Host = React.createContext(null);

    function ask(request, options) {
      return request({ skipNotify: true, ...options }).then((answer) => answer.data);
    }

    const failureText = (error, t) => error?.response?.data?.errors?.[0]?.message || t('DingTalk sign-in could not be asked. Check that the sidecar is running.');

    const isOrigin = (text) => {
      try {
        return /^https?:\/\/[^/?#]+\/?$/.test(text) && new URL(text).origin;
      } catch {
        return null;
      }
    };

    function copyText(input, text) {
      if (navigator.clipboard && window.isSecureContext) return navigator.clipboard.writeText(text);
      // Plain http has no clipboard interface; the old command still copies a selection.
      input.focus();
      input.select();
      return document.execCommand('copy') ? Promise.resolve() : Promise.reject(new Error('copy refused'));
    }

    function RedirectUrl({ callbackOrigin }) {
      const { t } = useText();
      const host = useContext(Host);
      const { message } = antd.App.useApp();
      const [answered, setAnswered] = useState(null);
      const [failure, setFailure] = useState(null);
      const [isCopied, setCopied] = useState(false);
      const input = useRef(null);
      const name = host.authenticator.id ? host.authenticator.name : undefined;
      useEffect(() => {
        let isCurrent = true;
        ask(host.request, { url: 'dingtalk:configForm', params: { authenticator: name } })
          .then(({ data }) => isCurrent && setAnswered(data.properties.redirectUrl['x-component-props'].value))
          // The form must also work while the sidecar is away, and says why it is.
          .catch((error) => isCurrent && setFailure(failureText(error, t)));
        return () => {
          isCurrent = false;
        };
      }, [name]);
      const local = new URL(host.apiUrl('auth:redirect'), window.location.href);
      const otherOrigin = isOrigin(callbackOrigin);
      const url = otherOrigin ? otherOrigin + local.pathname : answered || local.href;
      const copy = () =>
        copyText(input.current.input, url).then(
          () => {
            setCopied(true);
            message.success(t('Copied'));
          },
          () => message.error(t('Copying did not work. Select the address and copy it yourself.')),
        );
      return h(React.Fragment, null,
        h(antd.Space.Compact, { style: { width: '100%' } },
          h(antd.Input, { ref: input, readOnly: true, value: url, onFocus: (event) => event.target.select(), 'aria-label': t('Redirect URL'), 'data-testid': 'dingtalk-redirect-url' }),
          h(antd.Button, { icon: h(isCopied ? icons.CheckOutlined : icons.CopyOutlined), onClick: copy, 'data-testid': 'dingtalk-copy' }, t('Copy')),
        ),
        failure ? h(antd.Alert, { type: 'error', showIcon: true, message: failure, style: { marginTop: 8 }, 'data-testid': 'dingtalk-away' }) : null,
      );
    }

    /** Folded away, and mounted all the same: NocoBase saves mounted fields only. */
    function Advanced({ title, children }) {
      return h(antd.Collapse, {
        ghost: true,
        'data-testid': 'dingtalk-advanced',
        style: { marginBottom: 24 },
        items: [{ key: 'advanced', label: h(antd.Typography.Text, { strong: true }, title), forceRender: true, styles: FLUSH, children }],
      });
    }

    // The title stands where the labels of the other fields do.
    const FLUSH = { header: { paddingInline: 0 }, body: { paddingInline: 0, paddingBottom: 0 } };

    const FINDING = { ok: 'success', warning: 'warning', error: 'error', unknown: 'info' };

    function TestConnection() {
      const { t } = useText();
      const host = useContext(Host);
      const [state, setState] = useState({});
      const run = () => {
        setState({ isRunning: true });
        ask(host.request, { url: 'dingtalk:diagnose', method: 'post', params: { authenticator: host.authenticator.name } })
          .then(({ data }) => setState({ findings: data.findings }))
          .catch((error) => setState({ failure: failureText(error, t) }));
      };
      const isSaved = Boolean(host.authenticator.id);
      const list = useRef(null);
      const hasAnswer = Boolean(state.findings || state.failure);
      useEffect(() => {
        if (hasAnswer) list.current.scrollIntoView({ behavior: 'smooth', block: 'start' });
      }, [hasAnswer]);
      return h('div', { ref: list, style: { marginBottom: 24 } },
        h(antd.Space, { wrap: true },
          h(antd.Button, { icon: h(icons.ApiOutlined), loading: state.isRunning, disabled: !isSaved, onClick: run, 'data-testid': 'dingtalk-diagnose' }, t('Test connection')),
          h(antd.Typography.Text, { type: 'secondary' }, isSaved ? t('Tests the saved settings.') : t('Save first; then the settings can be tested.')),
        ),
        h('div', { 'aria-live': 'polite', 'data-testid': 'dingtalk-findings', style: { marginTop: 12, display: 'grid', gap: 8 } },
          state.failure ? h(antd.Alert, { type: 'error', showIcon: true, message: state.failure }) : null,
          (state.findings ?? []).map((finding, index) =>
            h(antd.Alert, { key: index, type: FINDING[finding.status] ?? 'info', showIcon: true, message: finding.message, description: finding.action || undefined }),
          ),
        ),
      );
    }

    const MATCHED_BY = { phone: 'Phone number', signUp: 'Automatic sign-up' };

    function Bindings() {
      const { t, i18n } = useText();
      const host = useContext(Host);
      const { message } = antd.App.useApp();
      const [query, setQuery] = useState({ page: 1, pageSize: 20, search: '' });
      const [state, setState] = useState({ rows: [], count: 0, isLoading: true });
      const authenticator = host.authenticator.name;
      const load = useCallback(() => {
        setState((previous) => ({ ...previous, isLoading: true }));
        return ask(host.request, { url: 'dingtalk:bindings', params: { authenticator, page: query.page, pageSize: query.pageSize, search: query.search || undefined } })
          .then(({ data, meta }) => setState({ rows: data, count: meta?.count ?? data.length }))
          .catch((error) => setState({ rows: [], count: 0, failure: failureText(error, t) }));
      }, [authenticator, query.page, query.pageSize, query.search]);
      useEffect(() => {
        load();
      }, [load]);
      const unlink = (row) =>
        ask(host.request, { url: 'dingtalk:unbind', method: 'post', params: { authenticator, userId: row.userId } })
          .then(load)
          .catch((error) => message.error(failureText(error, t)));
      const columns = [
        { title: t('User'), key: 'user', render: (_, row) => row.nickname || `#${row.userId}` },
        { title: t('Phone'), dataIndex: 'phone', render: (phone) => phone || '–' },
        { title: t('Matched by'), dataIndex: 'matchedBy', render: (matchedBy) => (MATCHED_BY[matchedBy] ? t(MATCHED_BY[matchedBy]) : '–') },
        { title: t('Linked since'), dataIndex: 'createdAt', render: (time) => (time ? new Date(time).toLocaleString(i18n.language) : '–') },
        {
          title: t('Actions'),
          key: 'actions',
          render: (_, row) =>
            h(antd.Popconfirm, { title: t('Remove this link? At the next sign-in the person is matched anew.'), okText: t('Remove'), cancelText: t('Cancel'), onConfirm: () => unlink(row) },
              h(antd.Button, { type: 'link', danger: true, size: 'small' }, t('Remove'))),
        },
      ];
      return h('div', { 'data-testid': 'dingtalk-bindings' },
        h(antd.Input.Search, { allowClear: true, placeholder: t('Search by name or phone'), 'aria-label': t('Search by name or phone'), style: { marginBottom: 12 }, onSearch: (search) => setQuery((previous) => ({ ...previous, page: 1, search: search.trim() })) }),
        state.failure ? h(antd.Alert, { type: 'error', showIcon: true, message: state.failure, style: { marginBottom: 12 } }) : null,
        h(antd.Table, {
          rowKey: 'userId',
          size: 'small',
          scroll: { x: 'max-content' },
          loading: Boolean(state.isLoading),
          columns,
          dataSource: state.rows,
          locale: { emptyText: h(antd.Empty, { image: antd.Empty.PRESENTED_IMAGE_SIMPLE, description: t('Nobody has signed in with DingTalk yet.') }) },
          pagination: { current: query.page, pageSize: query.pageSize, total: state.count, hideOnSinglePage: true, onChange: (page, pageSize) => setQuery((previous) => ({ ...previous, page, pageSize })) },
        }),
      );
    }

    function Warnings() {
      const { t } = useText();
      const host = useContext(Host);
      const { id, options } = host.authenticator;
      const [isOnly, setOnly] = useState(false);
      const [canEditPhone, setCanEditPhone] = useState(false);
      useEffect(() => {
        ask(host.request, { url: 'authenticators:list', params: { filter: JSON.stringify({ enabled: true }), fields: ['id', 'authType'], paginate: false } })
          .then(({ data }) => setOnly(data.length > 0 && data.every((row) => row.authType === AUTH_TYPE)))
          .catch(() => {});
        ask(host.request, { url: 'systemSettings:get' })
          .then(({ data }) => setCanEditPhone(data?.enableEditProfile !== false))
          .catch(() => {});
      }, [id]);
      const texts = [
        options?.internal?.appKey && ['info', t('These are the settings of an earlier plugin. People it linked can sign in; complete the settings so that others can, too.')],
        isOnly && ['warning', t('DingTalk is the only enabled sign-in method. Keep another one enabled, or nobody can sign in when DingTalk is away.')],
        canEditPhone && ['info', t('Users may edit their own phone number, by which they are found at their first sign-in. Switch off profile editing in the system settings if you do not trust every user.')],
      ].filter(Boolean);
      return texts.map(([type, text]) => h(antd.Alert, { key: text, type, showIcon: true, message: text, style: { marginBottom: 16 } }));
    }

    /** The fields in one tab, the links in another; the fields stay mounted, or NocoBase would save without them. */
    function SettingsLayout({ children }) {
      const { t } = useText();
      const host = useContext(Host);
      const settings = h(React.Fragment, null, h(Warnings), children, h(TestConnection));
      const items = [{ key: 'settings', label: t('Settings'), forceRender: true, children: settings }];
      if (host.authenticator.id) items.push({ key: 'bindings', label: t('Linked users'), children: h(Bindings) });
      return h(antd.App, { component: false }, h(antd.Tabs, { items, 'data-testid': 'dingtalk-settings' }));
    }

    /** Rows of the community plugin were linked by user id; the form's own default would lose those people. */
    function defaultSubject(internal) {
      return internal?.appKey ? 'userId' : FORM.properties.advanced.properties.subject.default;
    }

    // ---- the settings form of the modern client

    const INPUTS = {
      Checkbox: () => h(antd.Checkbox),
      'Radio.Group': (schema, t) => h(antd.Radio.Group, { ...schema['x-component-props'], options: schema.enum.map(({ label, value }) => ({ value, label: expand(t, label) })) }),
      TextAreaWithGlobalScope: (schema) => h(client.EnvVariableInput, schema['x-component-props']),
    };

    function fields(properties, path, t) {
      return Object.entries(properties).flatMap(([key, schema]) => {
        if (schema['x-component'] === 'DingTalkAdvanced') {
          return h(Advanced, { key, title: expand(t, schema.title) }, fields(schema.properties, path, t));
        }
        const place = [...path, key];
        if (schema.properties) return fields(schema.properties, place, t);
        const label = expand(t, schema.title);
        const extra = expand(t, schema.description);
        if (schema['x-component'] === 'DingTalkRedirectUrl') {
          return h(antd.Form.Item, { key, label, extra }, h(WatchedRedirectUrl));
        }
        const item = {
          key: place.join('.'),
          name: ['options', ...place],
          label,
          extra,
          // The default of the subject depends on what is stored, which comes after the form.
          initialValue: key === 'subject' ? undefined : schema.default,
          rules: schema.required ? [{ required: true, message: t('This field is required.') }] : undefined,
          valuePropName: schema['x-component'] === 'Checkbox' ? 'checked' : 'value',
        };
        const input = INPUTS[schema['x-component']] ?? (() => h(antd.Input));
        return h(antd.Form.Item, item, input(schema, t));
      });
    }

    function WatchedRedirectUrl() {
      return h(RedirectUrl, { callbackOrigin: antd.Form.useWatch(['options', 'callbackOrigin']) });
    }

    function ModernSettings() {
      const { t } = useText();
      const app = client.useApp();
      const form = antd.Form.useFormInstance();
      // NocoBase opens the form with the row of its list, which has no options, and fills in the whole record later.
      antd.Form.useWatch('name', form);
      const internal = antd.Form.useWatch(['options', 'internal'], form);
      const clientId = antd.Form.useWatch(['options', 'clientId'], form);
      const record = form.getFieldsValue(true);
      const isFilled = !record.id || internal !== undefined || clientId !== undefined;
      useEffect(() => {
        const subject = ['options', 'subject'];
        if (isFilled && form.getFieldValue(subject) === undefined) form.setFieldValue(subject, defaultSubject(internal));
      }, [isFilled, internal]);
      const host = useMemo(
        () => ({
          request: (options) => app.apiClient.request(options),
          apiUrl: (action) => app.getApiUrl(action),
          authenticator: { id: record.id, name: record.name, options: record.options },
        }),
        [app, record.id, record.name, record.options],
      );
      return h(Host.Provider, { value: host },
        h(SettingsLayout, null,
          fields(FORM.properties, [], t),
          // NocoBase saves declared fields only: this keeps the settings of a row the community plugin made.
          h(antd.Form.Item, { name: ['options', 'internal'], hidden: true }, h(Unseen)),
        ),
      );
    }

    function Unseen() {
      return null;
    }

    // ---- the modern client's plugin

    function ModernSignInButton({ authenticator }) {
      const app = client.useApp();
      const navigate = router.useNavigate();
      const enter = async () => {
        const page = client.normalizeV2RedirectPath(app, requestedPage(window.location.search));
        const base = (app.router.getBasename?.() ?? '').replace(/\/+$/, '');
        const path = sameSitePath(base && page.startsWith(`${base}/`) ? page.slice(base.length) : page);
        navigate(path ?? '/admin', { replace: true });
      };
      const host = { apiClient: app.apiClient, apiUrl: (action) => app.getApiUrl(action), enter };
      return h(SignInButton, { authenticator, host, isFirst: useIsFirst(authenticator.name) });
    }

    const mounted = [];

    /** Whether this is the first of our buttons: the one that explains an error nobody is named for. */
    function useIsFirst(name) {
      if (!mounted.includes(name)) mounted.push(name);
      return mounted[0] === name;
    }

    class PluginAuthDingTalkClientV2 extends client.Plugin {
      async load() {
        this.app.pm.get('@nocobase/plugin-auth').registerType(AUTH_TYPE, {
          signInButtonLoader: () => Promise.resolve({ default: ModernSignInButton }),
          adminSettingsFormLoader: () => Promise.resolve({ default: ModernSettings }),
        });
      }
    }

    return {
      __esModule: true,
      default: PluginAuthDingTalkClientV2,
      shared: { AUTH_TYPE, Advanced, FORM, Host, RedirectUrl, SettingsLayout, SignInButton, defaultSubject, requestedPage, useIsFirst },
    };
  },
);
