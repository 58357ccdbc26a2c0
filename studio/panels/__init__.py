"""The page's panels, one function each. They draw themselves in the browser from a value that `studio.render` makes."""
