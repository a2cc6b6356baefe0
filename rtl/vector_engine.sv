// vector_engine: accumulators and int8 images in the scratchpad to int8 images, or to a scalar register.
//   Requantize, Elementwise, Pool, Range, SetRegister: the formulas of accel_models.commands
// Golden: accel_models.golden.vector. Latency: accel_models.cost (requantize, elementwise, pool, range_, set_register)
// cycles from start to start when both scratchpad ports are granted at once; every other cycle is marked by stalled_o.
// One vector of `Columns` bytes per cycle. done_o is high in the last cycle of a command: its effects are visible in the
// next, in which the next command may start.
// Pipeline, cycles after the read: 1 operands and bias (vector_operands, requant_lane), 2 product, 3 shift, 4 products of
// the add, 5 its sum and shift (add_lane), 6 table, 7 write. It moves as one; a write that has to wait stops it a cycle
// later, so a read never waits for the write of the same cycle.
// Combinational paths: read_ready_i -> sums_read_o, stalled_o, bad_entry_o; write_ready_i -> done_o, register_valid_o.
`default_nettype none
module vector_engine #(
  parameter  int unsigned Columns  = 4,
  parameter  int unsigned Entries  = 512,
  parameter  int unsigned MultW    = 31,  // multiplier precision: 31, or 16 (low half zero)
  localparam int unsigned ColumnsW = $clog2(Columns + 1),
  localparam int unsigned EntryW   = $clog2(Entries)
) (
  input  wire logic                     clk_i,
  input  wire logic                     rst_ni,
  input  wire logic                     start_valid_i,
  output      logic                     start_ready_o,
  input  wire logic             [511:0] command_i,         // register operands replaced by their values
  output      logic                     done_o,
  output      logic                     stalled_o,
  output      logic                     bad_field_o,       // one cycle: golden refuses the command, its result is undefined
  output      logic                     bad_entry_o,       // one cycle: there is no such accumulator entry
  output      logic                     read_valid_o,      // scratchpad, read
  input  wire logic                     read_ready_i,
  output      logic              [19:0] read_address_o,
  output      logic      [ColumnsW-1:0] read_count_o,
  input  wire logic  [Columns-1:0][7:0] read_data_i,       // the cycle after the grant
  output      logic                     write_valid_o,     // scratchpad, write
  input  wire logic                     write_ready_i,
  output      logic              [19:0] write_address_o,
  output      logic      [ColumnsW-1:0] write_count_o,
  output      logic  [Columns-1:0][7:0] write_data_o,
  output      logic                     sums_read_o,       // accumulators, latency 1, data holds until the next read
  output      logic        [EntryW-1:0] sums_entry_o,
  input  wire logic [Columns-1:0][31:0] sums_data_i,
  output      logic                     register_valid_o,  // scalar registers, with done_o
  output      logic               [4:0] register_index_o,
  output      logic              [31:0] register_value_o
);
  if (Columns < 2 || Entries < 2 || Entries > 4096) begin : gen_bad_size
    $error("want at least 2 columns and 2 to 4096 entries");
  end

  // The command.
  vector_pkg::settings_t settings, settings_q;
  logic                  starting;
  vector_decode #(
    .MultW(MultW)
  ) u_decode (
    .command_i (command_i),
    .settings_o(settings)
  );
  always_ff @(posedge clk_i) begin
    if (start_ready_o && start_valid_i) settings_q <= settings;
  end

  // Reads. step: in the stage after the read.
  logic                advance, written, table_write, parameter_write;
  logic          [7:0] word;
  vector_pkg::step_t   step;
  logic [ColumnsW-1:0] lanes;
  vector_sequencer #(
    .Columns(Columns),
    .Entries(Entries)
  ) u_sequencer (
    .clk_i            (clk_i),
    .rst_ni           (rst_ni),
    .start_valid_i    (start_valid_i),
    .start_ready_o    (start_ready_o),
    .settings_i       (settings_q),
    .starting_o       (starting),
    .done_o           (done_o),
    .stalled_o        (stalled_o),
    .advance_i        (advance),
    .written_i        (written),
    .read_valid_o     (read_valid_o),
    .read_ready_i     (read_ready_i),
    .read_address_o   (read_address_o),
    .read_count_o     (read_count_o),
    .sums_read_o      (sums_read_o),
    .sums_entry_o     (sums_entry_o),
    .bad_entry_o      (bad_entry_o),
    .table_write_o    (table_write),
    .parameter_write_o(parameter_write),
    .word_o           (word),
    .step_o           (step),
    .lanes_o          (lanes)
  );

  logic                     bad_parameter;
  logic [Columns-1:0][31:0] bias;
  logic [Columns-1:0][30:0] mult;
  logic  [Columns-1:0][5:0] shift;
  parameter_store #(
    .Columns(Columns),
    .MultW  (MultW)
  ) u_parameters (
    .clk_i  (clk_i),
    .rst_ni (rst_ni),
    .all_i  (starting && !settings_q.per_channel),
    .bias_i (settings_q.bias),
    .mult_i (settings_q.mult),
    .shift_i(settings_q.shift),
    .write_i(parameter_write),
    .word_i (word[3:0]),
    .data_i (read_data_i),
    .lanes_i(lanes),
    .bad_o  (bad_parameter),
    .bias_o (bias),
    .mult_o (mult),
    .shift_o(shift)
  );
  assign bad_field_o = (starting && settings_q.illegal) || bad_parameter;

  // Stages 1 to 5.
  logic [Columns-1:0][31:0] value;
  logic  [Columns-1:0][7:0] other, scaled, added, result;
  vector_operands #(
    .Columns(Columns)
  ) u_operands (
    .clk_i      (clk_i),
    .rst_ni     (rst_ni),
    .valid_i    (step.valid),
    .read_i     (step.read),
    .first_i    (step.first),
    .advance_i  (advance),
    .kind_i     (settings_q.kind),
    .zero_a_i   (settings_q.zero_a),
    .zero_b_i   (settings_q.zero_b),
    .read_data_i(read_data_i),
    .sums_i     (sums_data_i),
    .value_o    (value),
    .other_o    (other)
  );

  for (genvar l = 0; l < Columns; l++) begin : gen_lane
    requant_lane #(
      .MultW(MultW)
    ) u_requant (
      .clk_i       (clk_i),
      .enable_i    (advance),
      .double_i    (settings_q.double_rounding),
      .zero_point_i(settings_q.zero_point),
      .low_i       (settings_q.low),
      .high_i      (settings_q.high),
      .bias_i      (bias[l]),
      .mult_i      (mult[l]),
      .shift_i     (shift[l]),
      .acc_i       (value[l]),
      .data_o      (scaled[l])
    );
    add_lane #(
      .MultW(MultW)
    ) u_add (
      .clk_i       (clk_i),
      .enable_i    (advance),
      .add_i       (settings_q.add),
      .zero_a_i    (settings_q.zero_a),
      .zero_b_i    (settings_q.zero_b),
      .mult_a_i    (settings_q.mult_a),
      .mult_b_i    (settings_q.mult_b),
      .shift_i     (settings_q.add_shift),
      .zero_point_i(settings_q.add_zero),
      .low_i       (settings_q.add_low),
      .high_i      (settings_q.add_high),
      .b_i         (other[l]),
      .a_i         (scaled[l]),
      .data_o      (added[l])
    );
  end

  // Stages 6 and 7, and what goes with the values.
  logic [4:0][3:0] ends_q;  // per stage: a value is there; it is the last of a row, of a group, of the command
  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) ends_q <= '0;
    else if (advance) ends_q <= {ends_q[3:0], step.valid && step.emit, step.row_end, step.group_end, step.last};
  end

  lookup_table #(
    .Columns(Columns)
  ) u_table (
    .clk_i      (clk_i),
    .write_i    (table_write),
    .word_i     (word),
    .word_data_i(read_data_i),
    .enable_i   (settings_q.table_used),
    .data_i     (added),
    .data_o     (result)
  );
  vector_writer #(
    .Columns(Columns)
  ) u_writer (
    .clk_i          (clk_i),
    .rst_ni         (rst_ni),
    .start_i        (starting),
    .to_register_i  (settings_q.to_register),
    .columns_i      (settings_q.columns),
    .address_i      (settings_q.output_address),
    .row_stride_i   (settings_q.output_row_stride),
    .pixel_stride_i (settings_q.output_pixel_stride),
    .valid_i        (ends_q[4][3]),
    .row_end_i      (ends_q[4][2]),
    .group_end_i    (ends_q[4][1]),
    .last_i         (ends_q[4][0]),
    .ready_o        (advance),
    .data_i         (result),
    .write_valid_o  (write_valid_o),
    .write_ready_i  (write_ready_i),
    .write_address_o(write_address_o),
    .write_count_o  (write_count_o),
    .write_data_o   (write_data_o),
    .written_o      (written)
  );

  // Scalar results.
  logic [30:0] largest;
  range_maximum #(
    .Columns(Columns)
  ) u_range (
    .clk_i   (clk_i),
    .rst_ni  (rst_ni),
    .clear_i (starting),
    .valid_i (step.valid && settings_q.kind == vector_pkg::KindRange),
    .lanes_i (lanes),
    .sums_i  (sums_data_i),
    .result_o(largest)
  );
  assign register_valid_o = done_o && settings_q.to_register;
  assign register_index_o = settings_q.destination;
  assign register_value_o = settings_q.empty ? settings_q.value : {1'b0, largest};
endmodule
`default_nettype wire
