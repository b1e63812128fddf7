# base: the leaf library; needs libc only.
$(call library,base)
