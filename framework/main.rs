//! The `lapidary` program.

fn main() {
    std::process::exit(lapidary_cli::main());
}
