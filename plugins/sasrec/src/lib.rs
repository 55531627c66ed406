//! lapidary-sasrec
