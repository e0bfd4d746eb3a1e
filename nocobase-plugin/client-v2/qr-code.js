// The code to scan, under the button of the sign-in page, in both clients.
define(
  'nocobase-plugin-auth-dingtalk/client-v2/qr-code',
  ['react', 'antd', './texts', './way-back', './qr-flow'],
  function (React, antd, texts, wayBack, qrFlow) {
    'use strict';

    const { BUTTON, useText } = texts;
    const { signInPagePath } = wayBack;
    const { isOffered, showFrame } = qrFlow;

    const h = React.createElement;
    const { useEffect, useRef, useState } = React;

    const TEXTS = BUTTON.qrCode;

    /** What is shown when it is not the code. */
    const ENDS = { failed: { type: 'warning', text: TEXTS?.failed }, expired: { type: 'info', text: TEXTS?.expired } };

    function Code({ authenticator, host }) {
      const { t } = useText();
      const slot = useRef(null);
      const [round, setRound] = useState(0);
      const [phase, setPhase] = useState('loading');

      useEffect(() => {
        let isLeft = false;
        let leave = () => {};
        setPhase('loading');
        const request = { url: 'dingtalk:qrCode', method: 'post', data: { return: signInPagePath() }, headers: { 'X-Authenticator': authenticator.name }, skipNotify: true, skipAuth: true };
        host.apiClient.request(request).then(
          (answer) => {
            if (isLeft) return;
            setPhase('shown');
            leave = showFrame(slot.current, answer.data.data, {
              title: t(TEXTS.frame),
              // The one way in which a sign-in comes back, as after the button.
              onAnswer: (query) => window.location.assign(`${host.apiUrl('auth:redirect')}?${query}`),
              onFailed: () => setPhase('failed'),
              onExpired: () => setPhase('expired'),
            });
          },
          () => !isLeft && setPhase('failed'),
        );
        return () => {
          isLeft = true;
          leave();
        };
      }, [authenticator.name, round]);

      const end = ENDS[phase];
      const again = phase === 'expired' ? h(antd.Button, { size: 'small', onClick: () => setRound(round + 1) }, t(TEXTS.again)) : undefined;
      return h(
        'div',
        { 'data-testid': `dingtalk-qr-${authenticator.name}`, 'data-phase': phase, style: { textAlign: 'center' } },
        phase === 'loading' ? h(antd.Spin, { style: { margin: 24 } }) : null,
        h(
          'div',
          { 'aria-live': 'polite' },
          phase === 'shown' ? h(antd.Typography.Paragraph, { type: 'secondary', style: { margin: '0 0 8px' } }, t(TEXTS.hint)) : null,
          end ? h(antd.Alert, { type: end.type, showIcon: true, message: t(end.text), action: again, style: { textAlign: 'start' } }) : null,
        ),
        // NocoBase's line at the foot of the window would lie over it.
        h('div', { ref: slot, style: { position: 'relative', zIndex: 1 } }),
      );
    }

    /** Nothing is asked of DingTalk before somebody opens it. */
    function QrCode({ authenticator, host }) {
      const { t } = useText();
      const [isOpen, setOpen] = useState(false);
      if (authenticator.options?.qrCode !== true || !isOffered()) return null;
      return h(
        'div',
        null,
        h(
          antd.Button,
          { type: 'link', block: true, 'aria-expanded': isOpen, 'data-testid': `dingtalk-scan-${authenticator.name}`, onClick: () => setOpen(!isOpen) },
          t(TEXTS.open),
        ),
        isOpen ? h(Code, { authenticator, host }) : null,
      );
    }

    return { QrCode };
  },
);
