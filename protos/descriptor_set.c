/* The contracts as one FileDescriptorSet (google/protobuf/descriptor.proto), inside the program: for reflection, HTTP routes and method policy. */

__asm__(".pushsection .rodata\n"
	".balign 16\n"
	".global quayside_descriptor_set\n"
	".global quayside_descriptor_set_end\n"
	"quayside_descriptor_set:\n"
	".incbin \"quayside.fds\"\n"
	"quayside_descriptor_set_end:\n"
	".byte 0\n"
	".popsection\n");

extern const unsigned char quayside_descriptor_set[];
extern const unsigned char quayside_descriptor_set_end[];
