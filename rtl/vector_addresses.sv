// vector_addresses: where a step of a vector command reads.
//   first tap, window or residual: window_walk; second operand: image b; third: image c
//   inner: the groups of a pixel follow each other, `Columns` bytes apart
// Golden: accel_models.requests. The address after a step stands at the output in the next cycle.
// Combinational path: second_i, third_i -> address_o. The ends tell where a step leads: each includes those before it.
`default_nettype none
module vector_addresses #(
  parameter int unsigned Columns = 4
) (
  input  wire logic                   clk_i,
  input  wire logic                   start_i,        // go to the first step; the settings hold still from here on
  // It uses the operands of the settings, not the rest.
  // verilator lint_off UNUSEDSIGNAL
  input  wire vector_pkg::settings_t  settings_i,
  // verilator lint_on UNUSEDSIGNAL
  input  wire logic                   step_i,
  input  wire logic                   second_i,       // the step reads operand b
  input  wire logic                   third_i,        // or c
  input  wire logic                   tap_row_end_i,
  input  wire logic                   window_end_i,
  input  wire logic                   pixel_end_i,
  input  wire logic                   row_end_i,
  input  wire logic                   group_end_i,
  output      logic            [19:0] address_o,
  output      logic                   inside_o        // the tap lies in the image
);
  logic [19:0] tap, b, c;
  logic [15:0] group_q;  // of the groups in a pixel: the first channel
  logic        pixel_step;
  assign pixel_step = step_i && pixel_end_i;
  assign address_o  = (third_i ? c : second_i ? b : tap) + 20'(group_q);

  always_ff @(posedge clk_i) begin
    if (start_i || pixel_step) group_q <= '0;
    else if (step_i && window_end_i) group_q <= group_q + 16'(Columns);
  end

  window_walk #(
    .Columns(Columns)
  ) u_window (
    .clk_i         (clk_i),
    .start_i       (start_i),
    .wide_i        (settings_i.wide),
    .base_i        (settings_i.input_address),
    .row_stride_i  (settings_i.input_row_stride),
    .pixel_stride_i(settings_i.input_pixel_stride),
    .height_i      (settings_i.input_height),
    .width_i       (settings_i.input_width),
    .origin_y_i    (settings_i.origin_y),
    .origin_x_i    (settings_i.origin_x),
    .stride_y_i    (settings_i.stride_y),
    .stride_x_i    (settings_i.stride_x),
    .step_i        (settings_i.inner ? pixel_step : step_i),
    .tap_row_end_i (tap_row_end_i),
    .pixel_end_i   (pixel_end_i),
    .row_end_i     (row_end_i),
    .group_end_i   (group_end_i),
    .address_o     (tap),
    .inside_o      (inside_o)
  );

  image_walk #(
    .Columns(Columns)
  ) u_b (
    .clk_i         (clk_i),
    .start_i       (start_i),
    .wide_i        (1'b0),
    .base_i        (settings_i.b_address),
    .row_stride_i  (settings_i.b_row_stride),
    .pixel_stride_i(settings_i.b_pixel_stride),
    .step_i        (pixel_step),
    .row_end_i     (row_end_i),
    .group_end_i   (group_end_i),
    .address_o     (b)
  );

  image_walk #(
    .Columns(Columns)
  ) u_c (
    .clk_i         (clk_i),
    .start_i       (start_i),
    .wide_i        (1'b0),
    .base_i        (settings_i.c_address),
    .row_stride_i  (settings_i.c_row_stride),
    .pixel_stride_i(settings_i.c_pixel_stride),
    .step_i        (pixel_step),
    .row_end_i     (row_end_i),
    .group_end_i   (group_end_i),
    .address_o     (c)
  );
endmodule
`default_nettype wire
