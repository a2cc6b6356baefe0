// datapath: scratchpad, matrix engine and vector engine.
//   wiring of the three blocks; the bus side has a write and a read port of the scratchpad
// Golden: accel_models.golden.matrix and accel_models.golden.vector. Latency and combinational paths: those of the blocks.
`default_nettype none
module datapath #(
  parameter  int unsigned Rows      = 4,
  parameter  int unsigned Columns   = 4,
  parameter  int unsigned PadBytes  = 16384,
  parameter  int unsigned Banks     = 8,
  parameter  int unsigned Entries   = 512,
  parameter  int unsigned BusBytes  = 8,
  parameter  int unsigned MultW     = 31,
  localparam int unsigned Lanes     = (Rows > Columns) ? Rows : Columns,
  localparam int unsigned WordBytes = 1 << $clog2((Lanes > BusBytes) ? Lanes : BusBytes),
  localparam int unsigned CountW    = $clog2(WordBytes + 1),
  localparam int unsigned BusW      = $clog2(BusBytes + 1),
  localparam int unsigned LanesW    = $clog2(Lanes + 1),
  localparam int unsigned ColumnsW  = $clog2(Columns + 1),
  localparam int unsigned EntryW    = $clog2(Entries),
  localparam int unsigned MacsW     = $clog2(Rows * Columns + 1)
) (
  input  wire logic                      clk_i,
  input  wire logic                      rst_ni,
  input  wire logic                      matrix_valid_i,     // start
  output      logic                      matrix_ready_o,
  input  wire logic              [511:0] matrix_command_i,
  output      logic                      matrix_done_o,
  output      logic                      matrix_stall_o,
  output      logic          [MacsW-1:0] macs_o,             // products of a Matrix command, in this cycle
  input  wire logic                      vector_valid_i,
  output      logic                      vector_ready_o,
  input  wire logic              [511:0] vector_command_i,
  output      logic                      vector_done_o,
  output      logic                      vector_stall_o,
  input  wire logic         [31:0][31:0] registers_i,        // scalar registers
  output      logic                      register_write_o,
  output      logic                [4:0] register_index_o,
  output      logic               [31:0] register_value_o,
  input  wire logic                      write_valid_i,      // scratchpad, from the bus side
  output      logic                      write_ready_o,
  input  wire logic               [19:0] write_addr_i,
  input  wire logic         [CountW-1:0] write_count_i,
  input  wire logic [WordBytes-1:0][7:0] write_data_i,
  input  wire logic                      write_list_i,       // reads an entry of a row list instead
  output      logic               [31:0] list_data_o,
  input  wire logic                      read_valid_i,
  output      logic                      read_ready_o,
  input  wire logic               [19:0] read_addr_i,
  input  wire logic           [BusW-1:0] read_count_i,
  output      logic  [BusBytes-1:0][7:0] read_data_o,
  output      logic                      error_o,
  output      logic                [3:0] error_cause_o
);
  logic act_valid, act_ready, weight_valid, weight_ready, vread_valid, vread_ready, vwrite_valid, vwrite_ready;
  logic       [20:0] act_addr, weight_addr, vwrite_addr;
  logic       [19:0] vread_addr;
  logic [LanesW-1:0] act_skip, act_count, weight_count;
  logic  [ColumnsW-1:0] vread_count, vwrite_count;
  logic    [Lanes-1:0][7:0] act_data, weight_data;
  logic  [Columns-1:0][7:0] vread_data, vwrite_data;
  logic                     sums_read, pad_error, field_error, entry_error;
  logic                     matrix_field_error, matrix_entry_error, vector_field_error, vector_entry_error;
  logic        [EntryW-1:0] sums_entry;
  logic [Columns-1:0][31:0] sums_data;

  matrix_engine #(
    .Rows   (Rows),
    .Columns(Columns),
    .Entries(Entries)
  ) u_matrix (
    .clk_i         (clk_i),
    .rst_ni        (rst_ni),
    .start_valid_i (matrix_valid_i),
    .start_ready_o (matrix_ready_o),
    .command_i     (matrix_command_i),
    .done_o        (matrix_done_o),
    .stalled_o     (matrix_stall_o),
    .bad_field_o   (matrix_field_error),
    .bad_entry_o   (matrix_entry_error),
    .macs_o        (macs_o),
    .act_valid_o   (act_valid),
    .act_ready_i   (act_ready),
    .act_addr_o    (act_addr),
    .act_skip_o    (act_skip),
    .act_count_o   (act_count),
    .act_data_i    (act_data),
    .weight_valid_o(weight_valid),
    .weight_ready_i(weight_ready),
    .weight_addr_o (weight_addr),
    .weight_count_o(weight_count),
    .weight_data_i (weight_data),
    .sums_read_i   (sums_read),
    .sums_entry_i  (sums_entry),
    .sums_data_o   (sums_data)
  );

  vector_engine #(
    .Columns(Columns),
    .Entries(Entries),
    .MultW  (MultW)
  ) u_vector (
    .clk_i           (clk_i),
    .rst_ni          (rst_ni),
    .start_valid_i   (vector_valid_i),
    .start_ready_o   (vector_ready_o),
    .command_i       (vector_command_i),
    .done_o          (vector_done_o),
    .stalled_o       (vector_stall_o),
    .bad_field_o     (vector_field_error),
    .bad_entry_o     (vector_entry_error),
    .read_valid_o    (vread_valid),
    .read_ready_i    (vread_ready),
    .read_address_o  (vread_addr),
    .read_count_o    (vread_count),
    .read_data_i     (vread_data),
    .write_valid_o   (vwrite_valid),
    .write_ready_i   (vwrite_ready),
    .write_address_o (vwrite_addr),
    .write_count_o   (vwrite_count),
    .write_data_o    (vwrite_data),
    .sums_read_o     (sums_read),
    .sums_entry_o    (sums_entry),
    .sums_data_i     (sums_data),
    .registers_i     (registers_i),
    .register_valid_o(register_write_o),
    .register_index_o(register_index_o),
    .register_value_o(register_value_o)
  );

  scratchpad #(
    .Rows    (Rows),
    .Columns (Columns),
    .PadBytes(PadBytes),
    .Banks   (Banks),
    .BusBytes(BusBytes)
  ) u_scratchpad (
    .clk_i         (clk_i),
    .act_valid_i   (act_valid),
    .act_ready_o   (act_ready),
    .act_addr_i    (act_addr),
    .act_skip_i    (act_skip),
    .act_count_i   (act_count),
    .act_data_o    (act_data),
    .weight_valid_i(weight_valid),
    .weight_ready_o(weight_ready),
    .weight_addr_i (weight_addr),
    .weight_count_i(weight_count),
    .weight_data_o (weight_data),
    .vread_valid_i (vread_valid),
    .vread_ready_o (vread_ready),
    .vread_addr_i  (vread_addr),
    .vread_count_i (vread_count),
    .vread_data_o  (vread_data),
    .vwrite_valid_i(vwrite_valid),
    .vwrite_ready_o(vwrite_ready),
    .vwrite_addr_i (vwrite_addr),
    .vwrite_count_i(vwrite_count),
    .vwrite_data_i (vwrite_data),
    .sread_valid_i (read_valid_i),
    .sread_ready_o (read_ready_o),
    .sread_addr_i  (read_addr_i),
    .sread_count_i (read_count_i),
    .sread_data_o  (read_data_o),
    .lwrite_valid_i(write_valid_i),
    .lwrite_ready_o(write_ready_o),
    .lwrite_addr_i (write_addr_i),
    .lwrite_count_i(write_count_i),
    .lwrite_data_i (write_data_i),
    .lwrite_list_i (write_list_i),
    .list_data_o   (list_data_o),
    .error_o       (pad_error)
  );

  assign field_error   = matrix_field_error || vector_field_error;
  assign entry_error   = matrix_entry_error || vector_entry_error;
  assign error_o       = pad_error || field_error || entry_error;
  assign error_cause_o = field_error ? accel_pkg::CauseFieldRange :
                         entry_error ? accel_pkg::CauseAccumulatorRange : accel_pkg::CauseScratchpadRange;
endmodule
`default_nettype wire
