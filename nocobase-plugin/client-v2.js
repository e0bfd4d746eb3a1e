'use strict';

// Its presence tells NocoBase that there is a client for the modern pages; browsers load dist/client-v2/index.js itself.
module.exports = require('./dist/client-v2');
