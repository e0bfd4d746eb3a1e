//! nocobase.
