//! lapidary-cli
