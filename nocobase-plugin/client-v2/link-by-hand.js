// A link that an administrator makes: which user, and which account at DingTalk.
define('nocobase-plugin-auth-dingtalk/client-v2/link-by-hand', ['react', 'antd', '@ant-design/icons', './texts', './host', './subject'], function (React, antd, icons, texts, host, subject) {
  'use strict';

  const { useText } = texts;
  const { Failure, Host, ask, failureText } = host;

  const TYPING_PAUSE_MS = 300;

  const h = React.createElement;
  const { useContext, useEffect, useRef, useState } = React;

  const called = (user) => [user.nickname || user.username || `#${user.userId}`, user.nickname && user.username, user.phone].filter(Boolean).join(' · ');

  /** Users who are not linked, as far as what was typed finds them. */
  function UserChoice({ value, onChange }) {
    const { t } = useText();
    const host = useContext(Host);
    const [options, setOptions] = useState([]);
    const [failure, setFailure] = useState(null);
    const timer = useRef(0);
    const turn = useRef(0);
    const search = (text) => {
      turn.current += 1;
      const mine = turn.current;
      const params = { authenticator: host.authenticator.name, search: text.trim() || undefined };
      return ask(host.request, { url: 'dingtalk:unlinkedUsers', params })
        .then(({ data }) => ({ options: data.map((user) => ({ value: user.userId, label: called(user) })), failure: null }))
        .catch((error) => ({ options: [], failure: failureText(error, t) }))
        .then((found) => {
          // A slow answer to an earlier question comes too late.
          if (mine !== turn.current) return;
          setOptions(found.options);
          setFailure(found.failure);
        });
    };
    useEffect(() => {
      search('');
      return () => clearTimeout(timer.current);
    }, []);
    const onSearch = (text) => {
      clearTimeout(timer.current);
      timer.current = setTimeout(() => search(text), TYPING_PAUSE_MS);
    };
    return h(antd.Select, {
      showSearch: true, filterOption: false, value, onChange, onSearch, options, placeholder: t('Search by name or phone'), 'data-testid': 'dingtalk-bind-user',
      notFoundContent: failure ?? t('Nothing matches the filter.'),
    });
  }

  function LinkByHand({ onLinked }) {
    const { t } = useText();
    const host = useContext(Host);
    const [form] = antd.Form.useForm();
    const [isOpen, setOpen] = useState(false);
    const [isRunning, setRunning] = useState(false);
    const [failure, setFailure] = useState(null);
    const open = () => {
      form.resetFields();
      setFailure(null);
      setOpen(true);
    };
    const link = (values) => {
      setRunning(true);
      setFailure(null);
      ask(host.request, { url: 'dingtalk:bind', method: 'post', params: { authenticator: host.authenticator.name, userId: values.userId }, data: { subject: values.subject } })
        .then(() => {
          setOpen(false);
          onLinked();
        })
        .catch((error) => setFailure(failureText(error, t)))
        .finally(() => setRunning(false));
    };
    const required = [{ required: true, whitespace: true, message: t('Fill this in.') }];
    return h(React.Fragment, null,
      h(antd.Button, { icon: h(icons.PlusOutlined), onClick: open, 'data-testid': 'dingtalk-bind' }, t('Link a user')),
      h(antd.Modal, {
        open: isOpen, title: t('Link a user'), okText: t('Link'), cancelText: t('Cancel'), confirmLoading: isRunning, destroyOnClose: true,
        onOk: () => form.submit(), onCancel: () => setOpen(false),
      },
      failure ? h(Failure, { text: failure, style: { marginBottom: 16 }, 'data-testid': 'dingtalk-bind-failure' }) : null,
      h(antd.Typography.Paragraph, { type: 'secondary' }, t('For people whom no phone number leads to. They sign in as this user from now on.')),
      h(antd.Form, { form, layout: 'vertical', onFinish: link, component: 'div' },
        h(antd.Form.Item, { name: 'userId', label: t('User'), rules: [{ required: true, message: t('Fill this in.') }] }, h(UserChoice)),
        h(antd.Form.Item, { name: 'subject', label: t(subject.subjectName(host.authenticator.options)), rules: required },
          h(antd.Input, { autoComplete: 'off', 'data-testid': 'dingtalk-bind-subject' })))),
    );
  }

  return { LinkByHand };
});
