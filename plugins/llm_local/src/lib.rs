//! lapidary-llm-local
