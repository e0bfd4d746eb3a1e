// What DingTalk's framed sign-in page says to the page around it: to the site of the redirect URL, and to no other.
'use strict';

const { origin, redirectUrl, refusal } = document.querySelector('[data-origin]').dataset;
parent.postMessage(refusal ? { success: false, errorMsg: refusal, errorCode: 11055 } : { success: true, redirectUrl }, origin);
