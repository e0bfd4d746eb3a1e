'use strict';

// Its presence tells NocoBase that there is a client; browsers load dist/client/index.js itself.
module.exports = require('./dist/client');
