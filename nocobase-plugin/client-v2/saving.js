// Saves NocoBase's form from inside it, so that what is tested is what stands in the form.
define('nocobase-plugin-auth-dingtalk/client-v2/saving', ['react', './host'], function (React, host) {
  'use strict';

  const { ask } = host;

  const { useEffect, useRef, useState } = React;

  /** The id of the authenticator that the open form has made; to NocoBase that form still makes a new one. */
  let madeHere = null;

  /** How a row is changed. By the id among its values NocoBase knows which one stays enabled, or does not. */
  const changeOf = (id, values) => ({ url: 'authenticators:update', params: { filterByTk: id }, data: { ...values, id } });

  /** Pressing "Submit" afterwards changes what was made, instead of making it twice. */
  function changeWhatWasMade(config) {
    return madeHere !== null && config.url === 'authenticators:create' ? { ...config, ...changeOf(madeHere, config.data) } : config;
  }

  const watchRequests = (apiClient) => apiClient.axios.interceptors.request.use(changeWhatWasMade);

  /** As NocoBase's own form does it. */
  function trimmed(value) {
    if (typeof value === 'string') return value.trim();
    if (Array.isArray(value)) return value.map(trimmed);
    if (value && typeof value === 'object') return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, trimmed(inner)]));
    return value;
  }

  /**
   * @param form what differs between the clients: `{ record, isTouched, values, validated(): Promise<object>, onSaved() }`;
   *   `validated` rejects with no `response` where a field is not filled in well
   */
  function useSaving(request, { record, isTouched, values, validated, onSaved }) {
    const [made, setMade] = useState(null);
    const [savedText, setSavedText] = useState(null);
    const text = JSON.stringify(values);
    const latest = useRef(null);
    latest.current = { text, validated, onSaved };
    useEffect(() => () => {
      madeHere = null;
    }, []);
    const id = record?.id ?? made?.id;
    const save = async () => {
      const given = await latest.current.validated();
      const data = { ...given, options: trimmed(given.options ?? {}) };
      const call = id ? changeOf(id, data) : { url: 'authenticators:create', data };
      const answer = await ask(request, { ...call, method: 'post' });
      setSavedText(latest.current.text);
      if (!record?.id) {
        const now = { id: id ?? answer.data.id, name: given.name };
        madeHere = now.id;
        setMade(now);
      }
      await latest.current.onSaved();
      return given.name;
    };
    return { id, name: record?.id ? record.name : made?.name, isChanged: !id || (isTouched && text !== savedText), save };
  }

  return { useSaving, watchRequests };
});
