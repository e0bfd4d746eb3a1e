//! A scripted DingTalk for the tests of this module.
