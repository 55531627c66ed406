//! lapidary-sdk
