"""What a document is: blocks, math trees, figure data. Pure data, free of any language."""
