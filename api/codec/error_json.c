/* error_json: see error_json.h. */
#include "api/codec/error_json.h"

#include "api/codec/error_detail.h"

void error_json_put(const struct error *error, struct json_buffer *out)
{
	struct error_detail details[ERROR_DETAILS_MAX];
	size_t count = error_details_make(error, details);
	json_buffer_text(out, "{\"code\":");
	json_buffer_quote(out, error_code_name(error->code));
	json_buffer_text(out, ",\"message\":");
	json_buffer_quote(out, error_message(error));
	json_buffer_text(out, ",\"details\":[");
	for (size_t i = 0; i < count; i++) {
		json_buffer_text(out, i ? ",{\"type\":" : "{\"type\":");
		json_buffer_quote(out, details[i].type);
		json_buffer_text(out, ",\"value\":");
		json_buffer_base64(out, details[i].packed, details[i].len,
				   BASE64_STANDARD_UNPADDED);
		json_buffer_text(out, ",\"debug\":");
		details[i].put_debug(error, out);
		json_buffer_char(out, '}');
	}
	json_buffer_text(out, "]}");
	error_details_free(details, count);
}
