//! Nothing: the manifest beside this file is all there is.
