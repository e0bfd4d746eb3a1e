// How the synchronization of a source stands: started here, confirmed here.
define(
  'nocobase-plugin-auth-dingtalk/client-v2/synchronization',
  ['react', 'antd', '@ant-design/icons', './texts', './host', './run-state', './run-rows'],
  function (React, antd, icons, texts, host, runState, runRows) {
    'use strict';

    const { useText } = texts;
    const { Failure, Host, ask, failureText, subjectOf } = host;
    const { COLORS, countsOf, isAlive, kindText, moment, progressText, stateText } = runState;
    const { RunRows } = runRows;

    const h = React.createElement;
    const { useCallback, useContext, useEffect, useRef, useState } = React;

    const LOOK_SOON_MS = 1000;
    const LOOK_LATER_MS = 5000;

    /** The run of now or the last one, looked at again and again. */
    function useRun() {
      const { t } = useText();
      const host = useContext(Host);
      const [state, setState] = useState({});
      const timer = useRef(null);
      const look = useCallback(async () => {
        clearTimeout(timer.current);
        let next;
        try {
          next = { run: (await ask(host.request, { url: 'dingtalk:run', params: subjectOf(host) })).data };
        } catch (error) {
          next = { failure: failureText(error, t) };
        }
        if (timer.current === undefined) return;
        setState(next);
        timer.current = setTimeout(look, isAlive(next.run) ? LOOK_SOON_MS : LOOK_LATER_MS);
      }, [host.source.name]);
      useEffect(() => {
        timer.current = null;
        look();
        return () => {
          clearTimeout(timer.current);
          timer.current = undefined;
        };
      }, [look]);
      return { ...state, look };
    }

    function useAction(look) {
      const { t } = useText();
      const host = useContext(Host);
      const { message } = antd.App.useApp();
      const [isBusy, setBusy] = useState(false);
      const act = (action, data = {}) => {
        setBusy(true);
        return ask(host.request, { url: `dingtalk:${action}`, method: 'post', params: subjectOf(host), data })
          .then(look)
          .catch((error) => message.error(failureText(error, t)))
          .finally(() => setBusy(false));
      };
      return { act, isBusy };
    }

    /** What the state asks for, in a sentence. */
    function sentence(t, run, language) {
      if (run.message) return run.message;
      if (run.state === 'preview') return t('Nothing is written yet. Look at what would be done, and confirm it.');
      if (run.state === 'held') return t('{{count}} people would be removed, more than usual. Confirm it if they have really left.', { count: new Intl.NumberFormat(language).format(run.removals ?? 0) });
      if (run.state === 'done' && !countsOf(run).length) return t('Nothing had changed.');
      return null;
    }

    function Decision({ run, action }) {
      const { t } = useText();
      if (!['preview', 'held'].includes(run.state)) return null;
      const question = run.state === 'held'
        ? t('Remove these people? DingTalk is read again first, and never more are removed than are shown here.')
        : t('Write what the preview shows? DingTalk is read again first.');
      return h(antd.Space, { wrap: true },
        h(antd.Popconfirm, { title: question, okText: t('Confirm'), cancelText: t('Cancel'), onConfirm: () => action.act('confirmRun', { id: run.id }), overlayStyle: { maxWidth: 360 } },
          h(antd.Button, { type: 'primary', danger: run.state === 'held', loading: action.isBusy, 'data-testid': 'dingtalk-run-confirm' }, t('Confirm'))),
        h(antd.Button, { disabled: action.isBusy, onClick: () => action.act('discardRun', { id: run.id }), 'data-testid': 'dingtalk-run-discard' }, t('Discard')),
      );
    }

    function Counts({ run, kind, onChoose }) {
      const { t, i18n } = useText();
      const number = new Intl.NumberFormat(i18n.language);
      return h('div', { style: { display: 'flex', flexWrap: 'wrap', gap: 8 }, 'data-testid': 'dingtalk-run-counts' },
        countsOf(run).map((one) =>
          h(antd.Tag.CheckableTag, { key: one.kind, checked: kind === one.kind, style: { border: '1px solid rgba(128, 128, 128, .35)', paddingBlock: 2 }, onChange: (isChosen) => onChoose(isChosen ? one.kind : undefined) },
            `${kindText(t, one.kind)}: ${number.format(one.count)}`)));
    }

    function Progress({ run }) {
      const { t, i18n } = useText();
      if (!isAlive(run)) return null;
      const { departments, departmentsRead, written, toWrite } = run.progress ?? {};
      const [part, whole] = run.state === 'writing' ? [written, toWrite] : [departmentsRead, departments];
      return h('div', { 'aria-live': 'polite', 'data-testid': 'dingtalk-run-progress' },
        h(antd.Progress, { percent: whole ? Math.floor((100 * part) / whole) : 0, status: 'active' }),
        h(antd.Typography.Text, { type: 'secondary' }, progressText(t, run, i18n.language)));
    }

    function Synchronization() {
      const { t, i18n } = useText();
      const { run, failure, look } = useRun();
      const action = useAction(look);
      const [chosen, setChosen] = useState({});
      // What was chosen of one run says nothing of the next.
      const about = `${run?.id} ${run?.state}`;
      const kind = chosen.about === about ? chosen.kind : run?.state === 'held' ? 'remove' : undefined;
      if (failure) return h(Failure, { text: failure, onRetry: look, 'data-testid': 'dingtalk-run-failure' });
      if (!run) return h(antd.Skeleton, { active: true });
      const told = sentence(t, run, i18n.language);
      const time = moment(run.endedAt ?? run.begunAt, i18n.language);
      return h('div', { style: { display: 'grid', gridTemplateColumns: 'minmax(0, 1fr)', gap: 16 }, 'data-testid': 'dingtalk-synchronization' },
        h(antd.Alert, {
          type: COLORS[run.state] ?? 'info', showIcon: true, 'data-testid': 'dingtalk-run-state',
          message: run.state === 'none' ? stateText(t, run.state) : `${stateText(t, run.state)} · ${time}`, description: told ?? undefined,
        }),
        h(Progress, { run }),
        h(antd.Space, { wrap: true },
          h(Decision, { run, action }),
          h(antd.Button, { icon: h(icons.SyncOutlined, { spin: isAlive(run) }), loading: action.isBusy, disabled: isAlive(run), onClick: () => action.act('startRun'), 'data-testid': 'dingtalk-run-start' }, t('Synchronize now'))),
        h(Counts, { run, kind, onChoose: (one) => setChosen({ about, kind: one }) }),
        ['preview', 'held'].includes(run.state) ? h(RunRows, { kind, runId: run.id }) : null,
      );
    }

    return { Synchronization };
  },
);
