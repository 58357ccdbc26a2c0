"""The models: engines that turn a brief and knob settings into variants. They know nothing of people, sessions or pages."""
