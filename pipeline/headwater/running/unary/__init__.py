"""Plans whose edges are all unary: steps are called in turn, without channels."""
