module.exports = { sidecarUrl: "__NBDT_SIDECAR_URL__", version: "__NBDT_VERSION__", title: '{{t("DingTalk")}}' };
