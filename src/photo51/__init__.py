"""photo51: what does a genomics foundation model know, where on the genome does it know it, and can it be believed?"""

__version__ = "0.1.0"
