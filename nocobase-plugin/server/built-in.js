'use strict';

// What the sidecar writes in when it packs this plugin: each quoted name below becomes a JSON value.

module.exports = {
  // Where a sidecar is that runs elsewhere; null in a package that brings its program along.
  SIDECAR_URL: "__NBDT_SIDECAR_URL__",
  // The SHA-256 of each program, by Node's name of its platform.
  PROGRAMS: "__NBDT_PROGRAMS__",
  VERSION: "__NBDT_VERSION__",
  BUTTON: "__NBDT_BUTTON__",
};
