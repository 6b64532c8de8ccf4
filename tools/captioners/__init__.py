"""Read and describe: words from pixels."""
