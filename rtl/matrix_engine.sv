// matrix_engine: Matrix commands from operands in the scratchpad to sums in the accumulators.
//   the formulas of accel_models.commands.Matrix: two address generators in front of matrix_core
// Golden: accel_models.golden.matrix.matrix_tile.
// Latency: accel_models.cost.matrix cycles from start to start plus those marked by stalled_o, in which the scratchpad
// kept weights back; activations are taken to be granted always. done_o is high in the last cycle of a command.
// Combinational path: none from input to output; the scratchpad's data go straight to the array's operand registers.
`default_nettype none
module matrix_engine #(
  parameter  int unsigned Rows    = 4,
  parameter  int unsigned Columns = 4,
  parameter  int unsigned Entries = 512,
  localparam int unsigned Lanes   = (Rows > Columns) ? Rows : Columns,
  localparam int unsigned LanesW  = $clog2(Lanes + 1),
  localparam int unsigned EntryW  = $clog2(Entries),
  localparam int unsigned MacsW   = $clog2(Rows * Columns + 1)
) (
  input  wire logic                     clk_i,
  input  wire logic                     rst_ni,
  input  wire logic                     start_valid_i,
  output      logic                     start_ready_o,
  // Opcode, masks, register flags and what lies beyond the last field say nothing here.
  // verilator lint_off UNUSEDSIGNAL
  input  wire logic             [511:0] command_i,       // register operands replaced by their values
  // verilator lint_on UNUSEDSIGNAL
  output      logic                     done_o,
  output      logic                     stalled_o,
  output      logic                     bad_field_o,     // one cycle: golden refuses the command, nothing is done
  output      logic                     bad_entry_o,     // one cycle: there is no such accumulator entry
  output      logic         [MacsW-1:0] macs_o,          // products of real operands in the array in this cycle
  output      logic                     act_valid_o,     // scratchpad, activations
  input  wire logic                     act_ready_i,
  output      logic              [20:0] act_addr_o,
  output      logic        [LanesW-1:0] act_skip_o,
  output      logic        [LanesW-1:0] act_count_o,
  input  wire logic    [Lanes-1:0][7:0] act_data_i,
  output      logic                     weight_valid_o,  // scratchpad, weights
  input  wire logic                     weight_ready_i,
  output      logic              [20:0] weight_addr_o,
  output      logic        [LanesW-1:0] weight_count_o,
  input  wire logic    [Lanes-1:0][7:0] weight_data_i,
  input  wire logic                     sums_read_i,     // accumulators, for the vector engine: latency 1
  input  wire logic        [EntryW-1:0] sums_entry_i,
  output      logic [Columns-1:0][31:0] sums_data_o
);
  // Fields needed once are taken from command_i; those that have to hold still (held) also pass it while nothing runs.
  // verilator lint_off UNUSEDSIGNAL
  logic [511:0] command_q, held;
  // verilator lint_on UNUSEDSIGNAL
  assign held = start_ready_o ? command_i : command_q;
  always_ff @(posedge clk_i) begin
    if (start_ready_o) command_q <= command_i;
  end

  logic  [1:0] mode;
  logic  [5:0] stride_x;
  logic [11:0] planes, height, width;
  logic  [7:0] kernel_height, taps;
  logic [15:0] run_bytes, columns;
  logic        transposed, walk, weight_valid, weight_ready, act_valid, act_ready;
  logic [Lanes-1:0][7:0] weight, act;
  assign mode          = held[accel_pkg::MatrixModeLsb +: accel_pkg::MatrixModeW];
  assign transposed    = held[accel_pkg::MatrixTransposedLsb];
  assign stride_x      = held[accel_pkg::MatrixStrideXLsb +: accel_pkg::MatrixStrideXW];
  assign planes        = held[accel_pkg::MatrixPlanesLsb +: accel_pkg::MatrixPlanesW];
  assign height        = held[accel_pkg::MatrixOutputHeightLsb +: accel_pkg::MatrixOutputHeightW];
  assign width         = held[accel_pkg::MatrixOutputWidthLsb +: accel_pkg::MatrixOutputWidthW];
  assign kernel_height = held[accel_pkg::MatrixKernelHeightLsb +: accel_pkg::MatrixKernelHeightW];
  assign taps          = held[accel_pkg::MatrixTapsLsb +: accel_pkg::MatrixTapsW];
  assign run_bytes     = held[accel_pkg::MatrixRunBytesLsb +: accel_pkg::MatrixRunBytesW];
  assign columns       = held[accel_pkg::MatrixColumnsLsb +: accel_pkg::MatrixColumnsW];
  assign walk          = start_valid_i && start_ready_o && !matrix_pkg::refused(mode, taps, 8'(Rows)) &&
                         !matrix_pkg::empty(mode, planes, height, width, kernel_height, taps, run_bytes, columns);

  conv_agu #(
    .Rows   (Rows),
    .Columns(Columns)
  ) u_conv (
    .clk_i               (clk_i),
    .rst_ni              (rst_ni),
    .start_i             (walk),
    .input_address_i     (command_i[accel_pkg::MatrixInputAddressLsb +: accel_pkg::MatrixInputAddressW]),
    .input_row_stride_i  (command_i[accel_pkg::MatrixInputRowStrideLsb +: accel_pkg::MatrixInputRowStrideW]),
    .input_pixel_stride_i(command_i[accel_pkg::MatrixInputPixelStrideLsb +: accel_pkg::MatrixInputPixelStrideW]),
    .input_width_i       (command_i[accel_pkg::MatrixInputWidthLsb +: accel_pkg::MatrixInputWidthW]),
    .origin_x_i          (command_i[accel_pkg::MatrixOriginXLsb +: accel_pkg::MatrixOriginXW]),
    .mode_i              (mode),
    .input_height_i      (held[accel_pkg::MatrixInputHeightLsb +: accel_pkg::MatrixInputHeightW]),
    .origin_y_i          (held[accel_pkg::MatrixOriginYLsb +: accel_pkg::MatrixOriginYW]),
    .stride_y_i          (held[accel_pkg::MatrixStrideYLsb +: accel_pkg::MatrixStrideYW]),
    .stride_x_i          (stride_x),
    .dilation_y_i        (held[accel_pkg::MatrixDilationYLsb +: accel_pkg::MatrixDilationYW]),
    .planes_i            (planes),
    .input_plane_stride_i(held[accel_pkg::MatrixInputPlaneStrideLsb +: accel_pkg::MatrixInputPlaneStrideW]),
    .output_height_i     (height),
    .output_width_i      (width),
    .kernel_height_i     (kernel_height),
    .taps_i              (taps),
    .tap_stride_i        (held[accel_pkg::MatrixTapStrideLsb +: accel_pkg::MatrixTapStrideW]),
    .run_bytes_i         (run_bytes),
    .columns_i           (columns),
    .zero_point_i        (held[accel_pkg::MatrixZeroPointLsb +: accel_pkg::MatrixZeroPointW]),
    .read_valid_o        (act_valid_o),
    .read_ready_i        (act_ready_i),
    .read_addr_o         (act_addr_o),
    .read_skip_o         (act_skip_o),
    .read_count_o        (act_count_o),
    .read_data_i         (act_data_i),
    .valid_o             (act_valid),
    .ready_i             (act_ready),
    .data_o              (act)
  );

  weight_agu #(
    .Rows   (Rows),
    .Columns(Columns)
  ) u_weights (
    .clk_i              (clk_i),
    .rst_ni             (rst_ni),
    .start_i            (walk),
    .mode_i             (mode),
    .transposed_i       (transposed),
    .planes_i           (planes),
    .output_height_i    (height),
    .output_width_i     (width),
    .kernel_height_i    (kernel_height),
    .taps_i             (taps),
    .run_bytes_i        (run_bytes),
    .columns_i          (columns),
    .weight_address_i   (held[accel_pkg::MatrixWeightAddressLsb +: accel_pkg::MatrixWeightAddressW]),
    .weight_row_stride_i(held[accel_pkg::MatrixWeightRowStrideLsb +: accel_pkg::MatrixWeightRowStrideW]),
    .read_valid_o       (weight_valid_o),
    .read_ready_i       (weight_ready_i),
    .read_addr_o        (weight_addr_o),
    .read_count_o       (weight_count_o),
    .read_data_i        (weight_data_i),
    .valid_o            (weight_valid),
    .ready_i            (weight_ready),
    .data_o             (weight)
  );

  matrix_core #(
    .Rows   (Rows),
    .Columns(Columns),
    .Entries(Entries)
  ) u_core (
    .clk_i          (clk_i),
    .rst_ni         (rst_ni),
    .start_valid_i  (start_valid_i),
    .start_ready_o  (start_ready_o),
    .mode_i         (mode),
    .accumulate_i   (held[accel_pkg::MatrixAccumulateLsb]),
    .transposed_i   (transposed),
    .stride_x_i     (stride_x),
    .planes_i       (planes),
    .output_height_i(height),
    .output_width_i (width),
    .kernel_height_i(kernel_height),
    .taps_i         (taps),
    .run_bytes_i    (run_bytes),
    .columns_i      (columns),
    .accumulator_i  (held[accel_pkg::MatrixAccumulatorLsb +: accel_pkg::MatrixAccumulatorW]),
    .done_o         (done_o),
    .stalled_o      (stalled_o),
    .bad_field_o    (bad_field_o),
    .bad_entry_o    (bad_entry_o),
    .macs_o         (macs_o),
    .weight_valid_i (weight_valid),
    .weight_ready_o (weight_ready),
    .weight_i       (weight),
    .act_valid_i    (act_valid),
    .act_ready_o    (act_ready),
    .act_i          (act),
    .read_i         (sums_read_i),
    .read_entry_i   (sums_entry_i),
    .read_data_o    (sums_data_o)
  );
endmodule
`default_nettype wire
