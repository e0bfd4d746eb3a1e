// The SDK requires `@nocobase/utils/client` without declaring it, and that package requires antd and more without
// declaring them. All the SDK wants of it is this name, and only in a page; here there is none.
exports.getAuthCookieName = () => {
  throw new Error('the SDK is not in a page');
};
