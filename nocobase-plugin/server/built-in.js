'use strict';

// What the sidecar writes in when it packs this plugin: each quoted name below becomes a JSON value.

module.exports = {
  SIDECAR_URL: "__NBDT_SIDECAR_URL__",
  VERSION: "__NBDT_VERSION__",
  BUTTON: "__NBDT_BUTTON__",
};
