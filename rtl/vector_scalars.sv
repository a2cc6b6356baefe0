// vector_scalars: what the vector engine reads from and writes into the scalar registers.
//   Range, Requantize, Sum: the range of sums      SetRegister: an immediate      Update: two counts
//   LoadRegisters: a register a step, in the cycle after the read      StoreRegisters: word_o, the register of the step
// Golden: accel_models.golden.scalars, training, vector.range_. Latency: a range counts four cycles after its step; the
// second count is written when the last value is in stage 5, everything else with done_i.
// Combinational paths: step, read_data_i -> write port; done_i -> write_o.
`default_nettype none
module vector_scalars #(
  parameter  int unsigned Columns   = 4,
  localparam int unsigned Registers = accel_pkg::Registers,
  localparam int unsigned IndexW    = $clog2(Registers)
) (
  input  wire logic                       clk_i,
  input  wire logic                       rst_ni,
  input  wire logic                       start_i,     // a command starts; nothing is in flight
  input  wire logic                       done_i,
  input  wire logic                       advance_i,
  // It uses the scalars of the settings, not the rest.
  // verilator lint_off UNUSEDSIGNAL
  input  wire vector_pkg::settings_t      settings_i,
  // verilator lint_on UNUSEDSIGNAL
  input  wire logic                       valid_i,     // a step is in stage 1
  input  wire logic                       emit_i,      // with a value
  input  wire logic                [31:0] read_data_i,
  input  wire logic   [Columns-1:0][32:0] sums_i,      // of the value; lanes that are not used are 0
  input  wire logic                       counts_i,    // a value is in stage 4; counts if advance_i
  input  wire logic         [Columns-1:0] counted_i,
  input  wire logic         [Columns-1:0] lost_i,
  input  wire logic                       last_i,      // the command's last value is in stage 5
  input  wire logic [Registers-1:0][31:0] registers_i,
  output      logic                [31:0] word_o,
  output      logic                       write_o,
  output      logic          [IndexW-1:0] index_o,
  output      logic                [31:0] value_o
);
  logic updates, loads;
  assign updates = settings_i.kind == vector_pkg::KindUpdate;
  assign loads   = settings_i.kind == vector_pkg::KindLoad;

  logic [30:0] largest;
  range_maximum #(
    .Columns(Columns)
  ) u_range (
    .clk_i     (clk_i),
    .rst_ni    (rst_ni),
    .clear_i   (start_i),
    .start_i   (settings_i.value[30:0]),
    .positive_i(settings_i.positive),
    .valid_i   (valid_i && emit_i),
    .sums_i    (sums_i),
    .result_o  (largest)
  );

  logic [31:0] counted_q, lost_q, counted, lost;
  always_comb begin
    counted = '0;
    lost    = '0;
    for (int unsigned l = 0; l < Columns; l++) begin
      counted += 32'(counted_i[l]);
      lost    += 32'(lost_i[l]);
    end
  end
  always_ff @(posedge clk_i) begin
    if (start_i) begin
      counted_q <= 32'(settings_i.second_value);
      lost_q    <= settings_i.value;
    end else if (advance_i && counts_i) begin
      counted_q <= counted_q + counted;
      lost_q    <= lost_q + lost;
    end
  end

  // Registers that are moved, one a step.
  logic [IndexW-1:0] moved_q;
  assign word_o = registers_i[moved_q];
  always_ff @(posedge clk_i) begin
    if (start_i) moved_q <= settings_i.destination;
    else if (valid_i && advance_i) moved_q <= moved_q + 1'b1;
  end

  always_comb begin
    write_o = done_i && settings_i.to_register;
    index_o = settings_i.destination;
    value_o = settings_i.empty ? settings_i.value : updates ? lost_q : {1'b0, largest};
    if (loads) begin
      write_o = valid_i;
      index_o = moved_q;
      value_o = read_data_i;
    end else if (updates && last_i && advance_i) begin
      write_o = 1'b1;
      index_o = settings_i.destination + 1'b1;
      value_o = counted_q;
    end
  end
endmodule
`default_nettype wire
