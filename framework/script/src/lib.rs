//! lapidary-script
