//! dingtalk.
