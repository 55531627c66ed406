//! What is random, and from where. Alone in its process: libtorch has one generator for all threads.

#[test]
fn weights_and_dropout_are_drawn_from_libtorchs_generator() {
    lapidary_testkit::backbone::draws_from_libtorchs_generator::<lapidary_esasrec::ESasRec>();
}
